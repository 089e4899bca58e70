// The record of each secret that was handed out: written, and on disk, before the answer is sent.
import { constants, fdatasync, fstatSync, write } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { StartError } from "../start-error.ts";

/** One secret that was handed out. Holds neither the secret nor what it was sealed to. */
export interface HandOutRecord {
  /** Milliseconds are part of it; RFC 3339, UTC. */
  readonly time: string;
  readonly event: "secret-handed-out";
  /** Who asked, as the token or the gateway names it; `null` where neither does. */
  readonly subject: string | null;
  /** How the caller was known: the configuration's `auth.mode`. */
  readonly authentication: string;
  /** The certificate's id in its one spelling. */
  readonly certificate: string;
  readonly secret: string;
  /** The recipient's key (RFC 7638, SHA-256). */
  readonly recipientThumbprint: string;
  readonly requestId: string;
}

export interface AuditLog {
  /** Resolves once the record is written for good. Rejects when it is not by `deadlineMs` of the monotonic clock. */
  write(record: HandOutRecord, deadlineMs: number): Promise<void>;
  close(): Promise<void>;
}

/** A file that is only ever appended to, or standard error. Rejects when it cannot be opened. */
export async function openAuditLog(path: string | undefined): Promise<AuditLog> {
  return new GroupingAuditLog(
    path === undefined ? openStandardError() : await AuditFile.open(path),
  );
}

/** Where lines go. */
interface AuditSink {
  append(lines: string): Promise<void>;
  close(): Promise<void>;
}

interface WaitingLine {
  readonly line: string;
  readonly settle: PromiseWithResolvers<void>;
}

/** A disk that hangs must not fill the memory. */
const MAX_WAITING = 1_000;
const CLOSE_WITHIN_MS = 1_000;

/** Records that come while others are being written are written together after them. */
class GroupingAuditLog implements AuditLog {
  readonly #sink: AuditSink;
  #waiting: WaitingLine[] = [];
  #writing: Promise<void> | undefined;

  constructor(sink: AuditSink) {
    this.#sink = sink;
  }

  async write(record: HandOutRecord, deadlineMs: number): Promise<void> {
    if (this.#waiting.length >= MAX_WAITING) throw new Error("too many audit records wait");
    if (deadlineMs <= performance.now()) throw new Error("an audit record came too late");
    const settle = Promise.withResolvers<void>();
    const waiting = { line: `${JSON.stringify(record)}\n`, settle };
    this.#waiting.push(waiting);
    this.#writing ??= this.#writeAll();
    const timer = setTimeout(
      () => settle.reject(new Error("an audit record was not written in time")),
      Math.max(0, deadlineMs - performance.now()),
    );
    try {
      await settle.promise;
    } finally {
      clearTimeout(timer);
      // What was refused meanwhile should not be recorded, unless it is being written already.
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
    }
  }

  async close(): Promise<void> {
    // Whoever waits for a record has given up by then.
    await Promise.race([this.#writing, sleep(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    await this.#sink.close();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#sink.append(group.map(({ line }) => line).join(""));
        for (const { settle } of group) settle.resolve();
      } catch (error) {
        for (const { settle } of group) settle.reject(error);
      }
    }
    this.#writing = undefined;
  }
}

const writeTo = promisify(write);
const syncData = promisify(fdatasync);

/** Writes until nothing is left, and never leaves half a line before the next record. */
class LineWriter {
  #isTorn = false;

  async write(descriptor: number, lines: string): Promise<void> {
    let rest = Buffer.from(this.#isTorn ? `\n${lines}` : lines);
    this.#isTorn = true;
    while (rest.length > 0) {
      const { bytesWritten } = await writeTo(descriptor, rest);
      rest = rest.subarray(bytesWritten);
    }
    this.#isTorn = false;
  }
}

const STANDARD_ERROR = 2;

/** Not through process.stderr: that keeps the whole process waiting while nobody reads. */
function openStandardError(): AuditSink {
  const status = fstatSync(STANDARD_ERROR);
  if (status.isFIFO() || status.isSocket()) return new PipedStandardError();
  const writer = new LineWriter();
  return { append: (lines) => writer.write(STANDARD_ERROR, lines), close: async () => {} };
}

class PipedStandardError implements AuditSink {
  readonly #pipe = new Socket({ fd: STANDARD_ERROR, readable: false, writable: true });

  constructor() {
    // Each write is told what went wrong with it.
    this.#pipe.on("error", () => {});
    this.#pipe.unref();
  }

  append(lines: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#pipe.write(lines, (error) => (error ? reject(error) : resolve()));
    return promise;
  }

  async close(): Promise<void> {}
}

/** Its owner alone may read it. */
const FILE_MODE = 0o600;

/** Opened anew once it was renamed or removed, as programs that rotate logs do. */
class AuditFile implements AuditSink {
  readonly #path: string;
  readonly #writer = new LineWriter();
  #file: FileHandle;

  static async open(path: string): Promise<AuditFile> {
    return new AuditFile(path, await openToAppend(path));
  }

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  async append(lines: string): Promise<void> {
    if (await this.#isElsewhere()) {
      const next = await openToAppend(this.#path);
      await this.#file.close();
      this.#file = next;
    }
    await this.#writer.write(this.#file.fd, lines);
    await syncData(this.#file.fd);
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #isElsewhere(): Promise<boolean> {
    const { dev, ino } = await this.#file.stat();
    const there = await stat(this.#path).catch(() => undefined);
    return there?.dev !== dev || there.ino !== ino;
  }
}

/** Pipes and devices keep nothing: they are no place for an audit. */
async function openToAppend(path: string): Promise<FileHandle> {
  // Without waiting, so that a pipe without a reader is refused at once.
  const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants;
  const file = await open(path, O_APPEND | O_CREAT | O_NONBLOCK | O_WRONLY, FILE_MODE);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new StartError(`${path} is no file that records can be kept in`);
}

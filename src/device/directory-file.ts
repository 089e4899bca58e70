// Reads a directory file as a stream, and again whenever it has changed. What was read before serves until then.
import { isUtf8 } from "node:buffer";
import type { BigIntStats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import type { Log } from "../log.ts";
import { DirectoryIndex } from "./directory-index.ts";
import { type BadRow, createRowReader, type DirectoryRow } from "./directory-rows.ts";

export interface DirectoryFileOptions {
  readonly path: string;
  /** Throws when the text is no id of a certificate that can be asked for. */
  readonly checkCertificateId: (id: string) => void;
  readonly log: Log;
  /** Between two looks at the file. Default 1000. */
  readonly pollMs?: number;
}

/** What is served from a directory file, for those who operate it. */
export interface DirectoryFileUse {
  readonly rows: number;
  readonly badRows: number;
  /** When the rows that are served were read, on the clock of `performance.now()`. */
  readonly readAtMs: number;
  /** Looks since the start that could not read the file, or found no usable row in it. */
  readonly failures: number;
}

export interface DirectoryFile {
  /** In the order of the file. */
  find(deviceId: string): readonly string[];
  readUse(): DirectoryFileUse;
  close(): Promise<void>;
}

/** The memory that one reading of a file may take. */
const MAX_BYTES = 512 * 1024 * 1024;
/** Longer lines are no rows: both ids together are shorter. */
const MAX_LINE_BYTES = 16 * 1024;
/** Bad rows that the log tells one by one; all are counted. */
const MAX_REPORTED_ROWS = 20;
/** A file that is being written without end is read all the same after so many looks. */
const MAX_UNSETTLED_LOOKS = 10;

/** Rejects when the file cannot be read at first. */
export async function openDirectoryFile(options: DirectoryFileOptions): Promise<DirectoryFile> {
  const { path, log, pollMs = 1000 } = options;
  let current = await readFile(options);
  let seen = current.version;
  let unsettledLooks = 0;
  let failures = 0;
  let isLost = false;
  let isClosed = false;
  let looking = Promise.resolve();
  let timer = setTimeout(look, pollMs).unref();

  function look(): void {
    looking = lookOnce().finally(() => {
      if (!isClosed) timer = setTimeout(look, pollMs).unref();
    });
  }

  /** Polls, because that sees a file in place, one that was put in its place, and links to it that were changed. */
  async function lookOnce(): Promise<void> {
    try {
      const version = await fetchVersion(path);
      const isSettled = version === seen;
      seen = version;
      isLost = false;
      // Half a file that is still being written would take certificates away.
      if (version === current.version) unsettledLooks = 0;
      else if (isSettled || ++unsettledLooks >= MAX_UNSETTLED_LOOKS) await readAgain(isSettled);
    } catch (error) {
      const message = "the directory file cannot be read: what was read before serves on";
      failures += 1;
      if (!isLost) log.error({ file: path, err: error }, message);
      isLost = true;
    }
  }

  async function readAgain(isSettled: boolean): Promise<void> {
    const next = await readFile(options);
    unsettledLooks = 0;
    if (next.index.rows > 0 || (isSettled && next.badRows === 0)) {
      current = next;
      return;
    }
    // Somebody's mistake, an error page say: it must not take all certificates away.
    const message = "the directory file has no usable row: what was read before serves on";
    failures += 1;
    log.error({ file: path }, message);
    current = { ...current, version: next.version };
  }

  return {
    find: (deviceId) => current.index.find(deviceId),
    readUse: () => {
      const { index, badRows, readAtMs } = current;
      return { rows: index.rows, badRows, readAtMs, failures };
    },
    close: async () => {
      isClosed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

interface Contents {
  readonly index: DirectoryIndex;
  readonly badRows: number;
  readonly readAtMs: number;
  /** Of the file before it was read: when it changes meanwhile, it is read again. */
  readonly version: string;
}

async function readFile(options: DirectoryFileOptions): Promise<Contents> {
  const { path, log } = options;
  const startedAtMs = performance.now();
  const index = new DirectoryIndex();
  const toRow = createRowReader(path);
  let lineNumber = 0;
  let badRows = 0;
  const file = await open(path);
  try {
    const version = toVersion(await file.stat({ bigint: true }));
    for await (const lines of readLines(file)) {
      for (const line of lines) {
        lineNumber++;
        const row = typeof line === "string" ? checkRow(toRow(line), options, index) : line;
        if (row === null) continue;
        if (!("reason" in row)) {
          index.add(row.deviceId, row.certificateId);
        } else if (++badRows <= MAX_REPORTED_ROWS) {
          const bad = { file: path, line: lineNumber, reason: row.reason };
          log.warn(bad, "a row of the directory file is left out");
        }
      }
    }
    index.seal();
    log.info(
      {
        file: path,
        rows: index.rows,
        badRows,
        bytes: index.bytes,
        tookMs: Math.round(performance.now() - startedAtMs),
      },
      "the directory file was read",
    );
    return { index, badRows, readAtMs: performance.now(), version };
  } finally {
    await file.close();
  }
}

function checkRow(
  row: DirectoryRow | BadRow | null,
  { checkCertificateId }: DirectoryFileOptions,
  index: DirectoryIndex,
): DirectoryRow | BadRow | null {
  if (row === null || "reason" in row) return row;
  if (index.bytes > MAX_BYTES) return { reason: `the rows before it take ${MAX_BYTES} bytes` };
  try {
    checkCertificateId(row.certificateId);
    return row;
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

const LINE_FEED = 10;

/** The lines of each piece of the file as it comes, so that requests are served in between. */
async function* readLines(file: FileHandle): AsyncGenerator<(string | BadRow)[]> {
  let rest = Buffer.alloc(0);
  for await (const piece of file.createReadStream({ autoClose: false })) {
    const bytes = Buffer.concat([rest, piece]);
    const end = bytes.lastIndexOf(LINE_FEED);
    if (end >= 0) yield toLines(bytes.subarray(0, end));
    // Of a line without end no more is kept than shows that it is too long.
    rest = bytes.subarray(end + 1, end + 2 + MAX_LINE_BYTES);
  }
  if (rest.length > 0) yield toLines(rest);
}

function toLines(bytes: Buffer): (string | BadRow)[] {
  const lines = isUtf8(bytes) ? bytes.toString().split("\n") : splitBytes(bytes).map(toLine);
  return lines.map((line) =>
    typeof line === "string" && line.length > MAX_LINE_BYTES
      ? { reason: `is longer than ${MAX_LINE_BYTES} bytes` }
      : line,
  );
}

function toLine(bytes: Buffer): string | BadRow {
  return isUtf8(bytes) ? bytes.toString() : { reason: "is not UTF-8 text" };
}

function splitBytes(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let start = 0; start <= bytes.length; ) {
    const found = bytes.indexOf(LINE_FEED, start);
    const end = found < 0 ? bytes.length : found;
    parts.push(bytes.subarray(start, end));
    start = end + 1;
  }
  return parts;
}

/** Tells one state of a file from another, also behind links. */
async function fetchVersion(path: string): Promise<string> {
  return toVersion(await stat(path, { bigint: true }));
}

function toVersion({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(":");
}

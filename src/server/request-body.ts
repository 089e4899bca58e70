// How bodies are received: each within its limit, and all together within the memory that they may take.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { OVERLOAD_MESSAGE, Refusal } from "./refusal.ts";

export interface BodyLimits {
  /** Most bytes of one body. */
  readonly bodyBytes: number;
  /** Most bytes of all that are being received or wait to be parsed, those aside that every body has free. */
  readonly receivingBytes: number;
}

/** The part of a request that has the body. */
export type BodyRequest = Readable & Pick<IncomingMessage, "headers">;

/** Not counted, so that large bodies that come slowly leave small ones alone. */
const FREE_BYTES = 16 * 1024;

/** Lives as long as the process. */
export class BodyReader {
  readonly #limits: BodyLimits;
  #heldBytes = 0;

  constructor(limits: BodyLimits) {
    this.#limits = limits;
  }

  /** Memory of all bodies just now, beside what each has free. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Gives `use` the whole body, which counts until that is done with it. */
  async read<Result>(
    request: BodyRequest,
    use: (body: Buffer) => Promise<Result>,
  ): Promise<Result> {
    let counted = 0;
    const count = (capacity: number) => {
      const more = Math.max(0, capacity - FREE_BYTES) - counted;
      if (this.#heldBytes + more > this.#limits.receivingBytes) {
        throw new Refusal("bodies", OVERLOAD_MESSAGE);
      }
      counted += more;
      this.#heldBytes += more;
    };
    try {
      return await use(await collect(request, this.#limits.bodyBytes, count));
    } finally {
      this.#heldBytes -= counted;
    }
  }
}

/** `count` is told each time how much memory the body takes from now on, and throws when that is too much. */
function collect(
  request: BodyRequest,
  limit: number,
  count: (capacity: number) => void,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const declared = Number(request.headers["content-length"] ?? limit);
  const most = Math.min(declared, limit);
  // Copied into one piece that grows: a list of the pieces as they come would take a hundred times what they hold when
  // somebody sends them byte by byte.
  let body = Buffer.allocUnsafe(Math.min(most, FREE_BYTES));
  let length = 0;
  const take = (piece: Buffer) => {
    if (length + piece.length > limit) throw createTooLong(limit);
    if (length + piece.length > body.length) {
      const capacity = Math.min(most, Math.max(length + piece.length, body.length * 2));
      count(capacity);
      const larger = Buffer.allocUnsafe(capacity);
      body.copy(larger, 0, 0, length);
      body = larger;
    }
    length += piece.copy(body, length);
  };
  const onData = (piece: Buffer) => {
    try {
      take(piece);
    } catch (error) {
      settle();
      reject(error);
    }
  };
  const onEnd = () => {
    settle();
    resolve(body.subarray(0, length));
  };
  const onError = () => {
    settle();
    reject(createBrokenOff());
  };
  const settle = () => request.off("data", onData).off("end", onEnd).off("error", onError);
  if (request.destroyed) reject(createBrokenOff());
  else if (declared > limit) reject(createTooLong(limit));
  else request.on("data", onData).on("end", onEnd).on("error", onError);
  return promise;
}

function createTooLong(limit: number): Refusal {
  return new Refusal("body", `The body has more than ${limit} bytes.`, limit);
}

/** Nobody reads it. */
export function createBrokenOff(): Refusal {
  return new Refusal("malformed", "The request broke off.");
}

/** What the client still sends is read and dropped: a connection that is closed before could lose the answer. */
export function dropBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.complete || response.shouldKeepAlive) return;
  response.shouldKeepAlive = true;
  // It is not kept all the same.
  response.removeHeader("connection");
  const close = () => request.socket.end();
  response.once("finish", () => {
    if (request.complete) close();
    else request.once("end", close);
  });
}

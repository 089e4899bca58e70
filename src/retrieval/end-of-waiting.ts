// What ends the waiting of a request before its answers are there: its deadline, its client, or a cloud that fails.
import type { CertificateSource } from "../device-certificate/product.ts";

/** Calls back when the client goes away, at once if it is away already; ends with the returned function. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted) listener();
  else signal?.addEventListener("abort", listener, { once: true });
  return () => signal?.removeEventListener("abort", listener);
}

/** How often to look whether a cloud fails that was well when it was asked, in milliseconds. */
const LOOK_EVERY_MS = 250;

export interface FailureWatch {
  /** Resolves when none of the source's calls is answered any more, at once if that is so already. */
  of(source: CertificateSource): Promise<"failing">;
  cancel(): void;
}

export function createFailureWatch(): FailureWatch {
  const watched = new Map<CertificateSource, PromiseWithResolvers<"failing">>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    for (const [source, { resolve }] of watched) if (source.isFailing) resolve("failing");
  };
  return {
    of: (source) => {
      const known = watched.get(source) ?? Promise.withResolvers<"failing">();
      watched.set(source, known);
      if (source.isFailing) known.resolve("failing");
      else timer ??= setInterval(look, LOOK_EVERY_MS).unref();
      return known.promise;
    },
    cancel: () => clearInterval(timer),
  };
}

export interface Expiry {
  readonly promise: Promise<"expired">;
  now(): void;
  cancel(): void;
}

export function createExpiry(deadlineMs: number): Expiry {
  const { promise, resolve } = Promise.withResolvers<"expired">();
  const now = () => resolve("expired");
  const timer = setTimeout(() => deadlines.end(now), Math.max(0, deadlineMs - performance.now()));
  return { promise, now, cancel: () => clearTimeout(timer) };
}

/**
 * Ends the waiting of one request in each turn of the event loop. To tell of hundreds of certificates that they are late
 * takes some milliseconds, and dozens of requests may be late at one moment: each is finished before the next, and what
 * others ask comes in between.
 */
class Deadlines {
  readonly #due: (() => void)[] = [];
  #isTurnTaken = false;

  end(expire: () => void): void {
    if (this.#isTurnTaken) this.#due.push(expire);
    else this.#take(expire);
  }

  #take(expire: () => void): void {
    this.#isTurnTaken = true;
    setImmediate(this.#next);
    expire();
  }

  readonly #next = (): void => {
    this.#isTurnTaken = false;
    const expire = this.#due.shift();
    if (expire !== undefined) this.#take(expire);
  };
}

/** There is one event loop. */
const deadlines = new Deadlines();

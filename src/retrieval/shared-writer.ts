// Tells the other replicas what came of this replica's calls: what arrives at about the same time in one write.
import type { Sharing } from "../device-certificate/sharing.ts";
import { type CachedReading, type CertificateCache, toDepth } from "./certificate-cache.ts";
import { encodeReading, toShareable } from "./reading-codec.ts";
import type { Claim, Settlement, SharedStore } from "./shared-store.ts";

/** At least so long between two writes, in milliseconds: answers that come one by one are stored some together. */
const WRITE_EVERY_MS = 80;
/** So many readings are written or read as text at one go; more would keep the event loop from its requests. */
export const MAX_CODED = 100;

export interface EndedClaim {
  readonly claim: Claim;
  readonly sharing: Sharing;
  /** `undefined` when the call failed. */
  readonly cached: CachedReading | undefined;
}

export interface SharedWriterOptions {
  readonly store: SharedStore;
  readonly cache: CertificateCache;
}

/** Lives as long as the process. */
export class SharedWriter {
  readonly #store: SharedStore;
  readonly #cache: CertificateCache;
  #ended: EndedClaim[] = [];
  #timer: NodeJS.Timeout | undefined;
  #wroteAtMs = Number.NEGATIVE_INFINITY;

  constructor({ store, cache }: SharedWriterOptions) {
    this.#store = store;
    this.#cache = cache;
  }

  add(ended: EndedClaim): void {
    this.#ended.push(ended);
    if (this.#timer !== undefined) return;
    const waitMs = this.#wroteAtMs + WRITE_EVERY_MS - performance.now();
    this.#timer = setTimeout(() => this.#write(), Math.max(0, waitMs)).unref();
  }

  #write(): void {
    // While the store is gone there is nobody to tell, and claims there run out by themselves.
    if (!this.#store.isUp) this.#ended = [];
    const ended = this.#ended.splice(0, MAX_CODED);
    if (ended.length > 0) {
      // Nothing depends on it: whoever waits looks again.
      this.#store.settle(ended.map((each) => this.#toSettlement(each))).catch(() => {});
    }
    if (this.#ended.length > 0) {
      setImmediate(() => this.#write());
      return;
    }
    this.#timer = undefined;
    this.#wroteAtMs = performance.now();
  }

  #toSettlement({ claim, sharing, cached }: EndedClaim): Settlement {
    if (cached === undefined) return { claim, reading: undefined };
    const reading = cached.reading && toShareable(cached.reading, sharing);
    return {
      claim,
      reading: {
        text: encodeReading({ reading, fetchedAt: cached.fetchedAt }, sharing),
        depth: toDepth(reading),
        ageMs: performance.now() - cached.storedAtMs,
        ...this.#cache.toLifetime(cached),
      },
    };
  }
}

// When the calls of the last second were sent.

/** From this limit on a burst takes so long to send and to read that its slots come back late: it is spread. */
const MIN_SLOTS_TO_SPREAD = 50;
/** The part of a period over which a burst of all slots is spread. */
const BURST_SPREAD = 0.25;
/** So many lots make up a limit: timers are too coarse to tell single calls apart where there are hundreds a second. */
const LOTS = 32;
/**
 * Load that lasts longer than a question does is spread more and more, until it is nearly even, also where limits are
 * small: calls that are sent together have their slots back together, round after round, and as a round is longer than a
 * second, some seconds would see far fewer calls than others.
 */
const SUSTAINED = {
  afterMs: 10_000,
  minSlots: 4,
  spreadMorePerMs: 0.00005,
  maxSpread: 0.8,
} as const;

export class SentCalls {
  /** Earliest first. */
  readonly #atMs: number[] = [];
  #loadedSinceMs = Number.POSITIVE_INFINITY;

  get lastAtMs(): number | undefined {
    return this.#atMs.at(-1);
  }

  /** With a limit that is mostly unused, load begins anew. */
  add(sentAtMs: number, isMostlyUnused = true): void {
    dropUntil(this.#atMs, sentAtMs - 1000);
    this.#atMs.push(sentAtMs);
    if (isMostlyUnused) this.#loadedSinceMs = sentAtMs;
  }

  countInLastSecond(): number {
    dropUntil(this.#atMs, performance.now() - 1000);
    return this.#atMs.length;
  }

  /** Until the next call makes no burst of the slots, or of one's part of them. */
  msUntilSpread(slots: number, periodMs: number, part = slots): number {
    const spread = this.#toSpread(slots);
    if (spread === 0) return 0;
    const lot = Math.ceil(part / LOTS);
    const earlier = this.#atMs.at(-lot);
    if (earlier === undefined) return 0;
    return earlier + (spread * periodMs * lot) / part - performance.now();
  }

  #toSpread(slots: number): number {
    const burstSpread = slots < MIN_SLOTS_TO_SPREAD ? 0 : BURST_SPREAD;
    const sustainedMs = performance.now() - this.#loadedSinceMs - SUSTAINED.afterMs;
    if (sustainedMs <= 0 || slots < SUSTAINED.minSlots) return burstSpread;
    return Math.min(SUSTAINED.maxSpread, burstSpread + sustainedMs * SUSTAINED.spreadMorePerMs);
  }
}

/** Takes times up to `now` away; the earliest come first. */
export function dropUntil(times: number[], now: number): void {
  const firstLater = times.findIndex((time) => time > now);
  times.splice(0, firstLater === -1 ? times.length : firstLater);
}

// When the calls of the last second were sent.

/** From this limit on a burst takes so long to send and to read that its slots come back late: it is spread. */
const MIN_SLOTS_TO_SPREAD = 50;

export class SentCalls {
  /** Earliest first. */
  readonly #atMs: number[] = [];

  get lastAtMs(): number | undefined {
    return this.#atMs.at(-1);
  }

  add(sentAtMs: number): void {
    dropUntil(this.#atMs, sentAtMs - 1000);
    this.#atMs.push(sentAtMs);
  }

  countInLastSecond(): number {
    dropUntil(this.#atMs, performance.now() - 1000);
    return this.#atMs.length;
  }

  /** Until the next call makes no burst: an eighth of the slots, or of one's part of them, in a sixteenth of the period. */
  msUntilSpread(slots: number, periodMs: number, part = slots): number {
    if (slots < MIN_SLOTS_TO_SPREAD) return 0;
    const earlier = this.#atMs.at(-Math.ceil(part / 8));
    return earlier === undefined ? 0 : earlier + periodMs / 16 - performance.now();
  }
}

/** Takes times up to `now` away; the earliest come first. */
export function dropUntil(times: number[], now: number): void {
  const firstLater = times.findIndex((time) => time > now);
  times.splice(0, firstLater === -1 ? times.length : firstLater);
}

// Learns from round trips how much sooner than a period after an answer the next call may leave, to arrive a period later.

/** The part of the shortest round trip that is relied on in the end: a way that becomes shorter is known a call later. */
const MAX_SHARE = 0.75;
/** How much less of it is relied on while few were seen, divided by the square root of their number. */
const UNCERTAINTY = 3;
/** The first round trips may hold the making of a connection, which their successors will not. */
const WARM_UP_MS = 1_000;
const MAX_CREDIT_MS = 500;

export class RoundTrips {
  #shortestMs = Number.POSITIVE_INFINITY;
  #count = 0;
  #firstSentAtMs: number | undefined;

  /** A call that was sent then is answered now. */
  learn(sentAtMs: number): void {
    this.#firstSentAtMs ??= sentAtMs;
    if (sentAtMs - this.#firstSentAtMs >= WARM_UP_MS) this.#count += 1;
    // Of the first ones as well: that the way became shorter must be known at once, whichever call tells it.
    this.#shortestMs = Math.min(this.#shortestMs, performance.now() - sentAtMs);
  }

  /** By how much a slot may be used again sooner than one period after the answer. */
  get creditMs(): number {
    const share = Math.min(MAX_SHARE, 1 - UNCERTAINTY / Math.sqrt(this.#count));
    return share <= 0 ? 0 : Math.min(share * this.#shortestMs, MAX_CREDIT_MS);
  }
}

// Learns from round trips how much earlier than its answer a call certainly arrived.

/** Round trips that must have been seen, and for how long, before the shortest of them is believed. */
const MIN_ROUND_TRIPS = 32;
const MIN_ROUND_TRIPS_MS = 3_000;
/** The part of the slots under way up to which a round trip is the network's: in a burst all of them are longer. */
const UNDISTURBED_SHARE = 0.1;
/** How much of the shortest round trip is relied on: a later one may be shorter still. */
const CREDIT = 0.25;
const MAX_CREDIT_MS = 500;

export class RoundTrips {
  #shortestMs = Number.POSITIVE_INFINITY;
  #count = 0;
  #sinceMs: number | undefined;

  /** Whether a call sent now, with so many under way, will tell something of the network. */
  isUndisturbed(inFlight: number, slots: number): boolean {
    return inFlight <= Math.max(2, slots * UNDISTURBED_SHARE);
  }

  learn(roundTripMs: number, isUndisturbed: boolean): void {
    if (isUndisturbed) {
      this.#sinceMs ??= performance.now();
      this.#count += 1;
    }
    // That the way became shorter must be known at once, whichever call tells it.
    this.#shortestMs = Math.min(this.#shortestMs, roundTripMs);
  }

  /** By how much a slot may be used again sooner than one period after the answer. */
  get creditMs(): number {
    if (this.#count < MIN_ROUND_TRIPS || this.#sinceMs === undefined) return 0;
    if (performance.now() - this.#sinceMs < MIN_ROUND_TRIPS_MS) return 0;
    return Math.min(this.#shortestMs * CREDIT, MAX_CREDIT_MS);
  }
}

// Keeps calls within a limit for any one second as counted where the cloud receives them.

export interface SlidingWindowOptions {
  /** Below 1, one call in so many seconds. */
  readonly callsPerSecond: number;
}

/** One call that counts. */
export interface Slot {
  /** To be called once: when the answer is there, or with `false` when the call was given up without one. */
  answered(hasAnswer: boolean): void;
}

/** Round trips that must have been seen, and for how long, before the shortest of them is believed. */
const MIN_ROUND_TRIPS = 32;
const MIN_ROUND_TRIPS_MS = 3_000;
/** The part of the slots under way up to which a round trip is the network's: in a burst all of them are longer. */
const UNDISTURBED_SHARE = 0.1;
/** How much of the shortest round trip is relied on: a later one may be shorter still. */
const ROUND_TRIP_CREDIT = 0.5;
/** After a refusal: what is left of the limit, and how it comes back. */
const DECREASE = 0.75;
const INCREASE = 0.02;
const INCREASE_EVERY_MS = 5_000;

/**
 * Sending times are not arrival times: a call counts from when it arrived, which is some time before its answer
 * came back. So a slot is in use from the sending of its call until one whole period after the answer, less a part
 * of the shortest round trip. Two calls in one slot then arrive at least one period apart, whatever the network's
 * jitter: the first arrived before its answer by at least the way back, the second arrives after its sending by at
 * least the way there.
 */
export class SlidingWindow {
  readonly callsPerSecond: number;
  readonly #slots: number;
  readonly #periodMs: number;
  #inFlight = 0;
  /** When each slot whose call was answered is free again, earliest first. */
  readonly #freeAt: number[] = [];
  /** When the calls of the last second were sent, earliest first. */
  readonly #sentAt: number[] = [];
  #shortestRoundTripMs = Number.POSITIVE_INFINITY;
  #roundTrips = 0;
  #roundTripsSinceMs: number | undefined;
  /** What refusals have left of the slots, and since when. */
  #reduced: { readonly slots: number; readonly sinceMs: number } | undefined;
  #blockedUntilMs = 0;

  constructor({ callsPerSecond }: SlidingWindowOptions) {
    this.callsPerSecond = callsPerSecond;
    this.#slots = Math.max(1, Math.floor(callsPerSecond));
    this.#periodMs = callsPerSecond >= 1 ? 1000 : 1000 / callsPerSecond;
  }

  /** How many calls may be in the window now: all, or fewer after a refusal. */
  get limit(): number {
    if (this.#reduced === undefined) return this.#slots;
    const steps = Math.floor((performance.now() - this.#reduced.sinceMs) / INCREASE_EVERY_MS);
    const step = Math.max(1, Math.round(this.#slots * INCREASE));
    return Math.min(this.#slots, this.#reduced.slots + steps * step);
  }

  /** Calls that may be sent now. */
  get free(): number {
    const now = performance.now();
    if (now < this.#blockedUntilMs) return 0;
    dropUntil(this.#freeAt, now);
    return Math.max(0, this.limit - this.#inFlight - this.#freeAt.length);
  }

  /** Until the next slot becomes free that is not so yet; `undefined` when that depends on an answer. */
  get msUntilNext(): number | undefined {
    const now = performance.now();
    dropUntil(this.#freeAt, now);
    // After a refusal there are more slots in use than allowed: so many must become free first.
    const surplus = Math.max(0, this.#inFlight + this.#freeAt.length - this.limit);
    const next = this.#freeAt[surplus];
    const free = Math.max(next ?? Number.POSITIVE_INFINITY, this.#blockedUntilMs);
    return Number.isFinite(free) ? free - now : undefined;
  }

  /** Until the next call may be sent without more than an eighth of the limit within a sixteenth of the period. */
  get msUntilSpread(): number {
    const earlier = this.#sentAt.at(-Math.ceil(this.#slots / 8));
    return earlier === undefined ? 0 : earlier + this.#periodMs / 16 - performance.now();
  }

  get usedInLastSecond(): number {
    dropUntil(this.#sentAt, performance.now() - 1000);
    return this.#sentAt.length;
  }

  /** Calls a second that can be kept up: a slot rests for the round trip as well. */
  get sustainableCallsPerSecond(): number {
    return (this.limit / this.#periodMs) * 1000 * 0.9;
  }

  take(): Slot {
    const sentAtMs = performance.now();
    dropUntil(this.#sentAt, sentAtMs - 1000);
    this.#sentAt.push(sentAtMs);
    this.#inFlight += 1;
    const isUndisturbed = this.#inFlight <= Math.max(2, this.#slots * UNDISTURBED_SHARE);
    return {
      answered: (hasAnswer) => {
        if (hasAnswer && isUndisturbed) this.#learnRoundTrip(performance.now() - sentAtMs);
        this.#cool(hasAnswer);
      },
    };
  }

  /** A call sent at this time was refused: take less, and more again little by little. */
  slowDown(sentAtMs: number, pauseMs = 0): void {
    const now = performance.now();
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, now + pauseMs);
    // Calls that were under way when the last refusal came tell nothing new.
    if (this.#reduced !== undefined && sentAtMs < this.#reduced.sinceMs) return;
    this.#reduced = { slots: Math.max(1, Math.floor(this.limit * DECREASE)), sinceMs: now };
  }

  #learnRoundTrip(roundTripMs: number): void {
    this.#roundTripsSinceMs ??= performance.now();
    this.#roundTrips += 1;
    this.#shortestRoundTripMs = Math.min(this.#shortestRoundTripMs, roundTripMs);
  }

  #cool(hasAnswer: boolean): void {
    this.#inFlight -= 1;
    // Without an answer nobody knows when the call arrived; it may even arrive now.
    const creditMs = hasAnswer ? this.#roundTripCreditMs : 0;
    insertSorted(this.#freeAt, performance.now() + this.#periodMs - creditMs);
  }

  get #roundTripCreditMs(): number {
    const sinceMs = performance.now() - (this.#roundTripsSinceMs ?? performance.now());
    if (this.#roundTrips < MIN_ROUND_TRIPS || sinceMs < MIN_ROUND_TRIPS_MS) return 0;
    return Math.min(this.#shortestRoundTripMs * ROUND_TRIP_CREDIT, this.#periodMs / 2);
  }
}

function dropUntil(times: number[], now: number): void {
  const firstLater = times.findIndex((time) => time > now);
  times.splice(0, firstLater === -1 ? times.length : firstLater);
}

/** Nearly always at the end. */
function insertSorted(times: number[], time: number): void {
  const firstLater = times.findLastIndex((other) => other <= time) + 1;
  times.splice(firstLater, 0, time);
}

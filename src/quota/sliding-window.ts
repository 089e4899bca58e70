// Keeps the calls of one process within a limit for any one second as counted where the cloud receives them.
import { type CallWindow, SLOWING, type Slot, SPARING, SUSTAINED_SHARE } from "./call-window.ts";
import { RoundTrips } from "./round-trips.ts";
import { dropUntil, SentCalls } from "./sent-calls.ts";

export interface SlidingWindowOptions {
  /** Below 1, one call in so many seconds. 0 allows none. */
  readonly callsPerSecond: number;
  /** Until when it counts as used up by calls that nobody here knows of, on the monotonic clock. By default it does not. */
  readonly usedUpUntilMs?: number;
  /** What is known of the network already. By default nothing. */
  readonly roundTrips?: RoundTrips;
  /** When slots may be used that may not be so yet, on the monotonic clock. By default all may. */
  readonly restingUntilMs?: readonly number[];
}

/** What a window leaves to whoever counts its calls from now on. */
export interface Remains {
  /** When each slot whose call is not under way may be used again, on the monotonic clock. */
  readonly freeAtMs: readonly number[];
  /** Calls under way, each in a slot. */
  readonly inFlight: number;
}

/**
 * A process that was killed may have sent calls until a moment before this one was started: until so long after the start
 * of this process, which is where the monotonic clock begins, the last second counts as used up.
 */
export const START_REST_MS = 1_200;
/** What is estimated where nothing may be sent until something changes that is not known here. */
const NEVER_MS = 60_000;

/**
 * Sending times are not arrival times: a call counts from when it arrived, which is some time before its answer
 * came back. So a slot is in use from the sending of its call until one whole period after the answer, less a part
 * of the shortest round trip. Two calls in one slot then arrive at least one period apart, whatever the network's
 * jitter: the first arrived before its answer by at least the way back, the second arrives after its sending by at
 * least the way there.
 */
export class SlidingWindow implements CallWindow {
  readonly callsPerSecond: number;
  readonly #slots: number;
  readonly #periodMs: number;
  #inFlight = 0;
  /** When each slot whose call was answered is free again, earliest first. */
  readonly #freeAt: number[];
  readonly #sent = new SentCalls();
  readonly #roundTrips: RoundTrips;
  /** What refusals have left of the slots, and since when. */
  #reduced: { readonly slots: number; readonly sinceMs: number } | undefined;
  #blockedUntilMs: number;

  constructor(options: SlidingWindowOptions) {
    const { callsPerSecond, roundTrips = new RoundTrips() } = options;
    const { usedUpUntilMs = 0, restingUntilMs = [] } = options;
    this.callsPerSecond = callsPerSecond;
    this.#roundTrips = roundTrips;
    this.#slots = toSlots(callsPerSecond);
    this.#periodMs = toPeriodMs(callsPerSecond);
    this.#blockedUntilMs = usedUpUntilMs;
    this.#freeAt = restingUntilMs.toSorted((one, other) => one - other);
  }

  get limit(): number {
    if (this.#reduced === undefined) return this.#slots;
    const steps = Math.floor((performance.now() - this.#reduced.sinceMs) / SLOWING.increaseEveryMs);
    const step = Math.max(1, Math.round(this.#slots * SLOWING.increase));
    return Math.min(this.#slots, this.#reduced.slots + steps * step);
  }

  get free(): number {
    const now = performance.now();
    if (now < this.#blockedUntilMs) return 0;
    dropUntil(this.#freeAt, now);
    return Math.max(0, this.limit - this.#inUse);
  }

  get msUntilNext(): number | undefined {
    const now = performance.now();
    const blockedMs = Math.max(0, this.#blockedUntilMs - now);
    dropUntil(this.#freeAt, now);
    if (blockedMs > 0 && this.#inUse < this.limit) return blockedMs;
    const next = this.#freeAt[this.#surplus];
    return next === undefined ? undefined : Math.max(next - now, blockedMs);
  }

  get msUntilUnspared(): number {
    const { limit, free, msUntilNext } = this;
    if (limit < SPARING.minSlots || free > Math.max(1, limit * SPARING.maxShare)) return 0;
    const lastSentAtMs = this.#sent.lastAtMs ?? Number.NEGATIVE_INFINITY;
    // What was sent last comes back in a second at the earliest; while nothing is answered, nothing else is known.
    const sentBackMs = lastSentAtMs + 1000 - performance.now();
    const nextMs = Math.min(msUntilNext ?? Number.POSITIVE_INFINITY, sentBackMs);
    return nextMs - free * SPARING.longestGapMs;
  }

  get msUntilSpread(): number {
    return this.#sent.msUntilSpread(this.limit, this.#periodMs);
  }

  get usedInLastSecond(): number {
    return this.#sent.countInLastSecond();
  }

  get remains(): Remains {
    const free = Array.from({ length: this.free }, () => performance.now());
    const resting = this.#freeAt.map((freeAtMs) => Math.max(freeAtMs, this.#blockedUntilMs));
    return { freeAtMs: [...free, ...resting], inFlight: this.#inFlight };
  }

  countFreeWithin(ms: number): number {
    const untilMs = performance.now() + ms;
    if (untilMs < this.#blockedUntilMs) return 0;
    const resting = this.#freeAt.filter((freeAtMs) => freeAtMs > untilMs).length;
    return Math.max(0, this.limit - this.#inFlight - resting);
  }

  estimateMsUntilSent(calls: number): number {
    if (this.#slots === 0) return NEVER_MS;
    const now = performance.now();
    const blockedMs = Math.max(0, this.#blockedUntilMs - now);
    dropUntil(this.#freeAt, now);
    const { limit } = this;
    const later = calls - Math.max(0, limit - this.#inUse);
    if (later <= 0) return blockedMs;
    const next = this.#freeAt[this.#surplus + ((later - 1) % limit)];
    const roundMs = this.#periodMs / SUSTAINED_SHARE;
    // A slot whose call is under way, or goes as soon as it may, is in use for a round from then on.
    const firstMs = next === undefined ? blockedMs + roundMs : Math.max(blockedMs, next - now);
    return firstMs + Math.floor((later - 1) / limit) * roundMs;
  }

  take(): Slot {
    return this.takeOver(performance.now());
  }

  /** For a call that was sent then. */
  takeOver(sentAtMs: number): Slot {
    this.#sent.add(sentAtMs, this.#inUse < this.limit / 2);
    this.#inFlight += 1;
    return {
      answered: (hasAnswer) => {
        if (hasAnswer) this.#roundTrips.learn(sentAtMs);
        this.#cool(hasAnswer);
      },
    };
  }

  slowDown(sentAtMs: number, pauseMs = 0): void {
    const now = performance.now();
    this.#blockedUntilMs = Math.max(this.#blockedUntilMs, now + pauseMs);
    // Calls that were under way when the last refusal came tell nothing new.
    if (this.#reduced !== undefined && sentAtMs < this.#reduced.sinceMs) return;
    const least = Math.ceil(this.#slots * SLOWING.minShare);
    const slots = Math.max(least, Math.floor(this.limit * SLOWING.decrease));
    this.#reduced = { slots, sinceMs: now };
  }

  /** All slots are its own, and only time frees them. */
  want(): void {}

  onFreed(): void {}

  async look(): Promise<void> {}

  get #inUse(): number {
    return this.#inFlight + this.#freeAt.length;
  }

  /** After a refusal there may be more slots in use than allowed: so many must become free before the next call. */
  get #surplus(): number {
    return Math.max(0, this.#inUse - this.limit);
  }

  #cool(hasAnswer: boolean): void {
    this.#inFlight -= 1;
    // Without an answer nobody knows when the call arrived; it may even arrive now.
    const creditMs = hasAnswer ? this.#roundTrips.creditMs : 0;
    insertSorted(this.#freeAt, performance.now() + this.#periodMs - creditMs);
  }
}

/** Of a limit of 2.5 two may be sent in any one second; of one below 1, one in so many seconds. */
export function toSlots(callsPerSecond: number): number {
  return callsPerSecond === 0 ? 0 : Math.max(1, Math.floor(callsPerSecond));
}

export function toPeriodMs(callsPerSecond: number): number {
  return callsPerSecond === 0 || callsPerSecond >= 1 ? 1000 : 1000 / callsPerSecond;
}

/** Nearly always at the end. */
function insertSorted(times: number[], time: number): void {
  const firstLater = times.findLastIndex((other) => other <= time) + 1;
  times.splice(firstLater, 0, time);
}

// What a throttle needs to know of a limit, whether one process keeps it or all replicas together.

/** One call that counts. */
export interface Slot {
  /** To be called once: when the answer is there, or with `false` when the call was given up without one. */
  answered(hasAnswer: boolean): void;
}

/** The part of a limit that can be kept up: a slot rests for the round trip as well. */
export const SUSTAINED_SHARE = 0.92;

/**
 * While calls queue up, some free slots are kept for requesters that have had no turn yet: one for each such stretch
 * of time until the next slot becomes free. Else a burst would make questions about one device wait for a whole second.
 */
export const SPARING = {
  longestGapMs: 250,
  /** Limits below this have no slot to spare. */
  minSlots: 4,
  /** The part of a limit that may be kept: bursts should be used. */
  maxShare: 0.4,
} as const;

/** After a refusal: what is left of the limit, and how it comes back. */
export const SLOWING = {
  decrease: 0.75,
  /**
   * Never less than this part of the whole limit: who still refuses then does not do it because of us, or leaves us less
   * than an operator should say by `quota.share`.
   */
  minShare: 0.5,
  increase: 0.02,
  increaseEveryMs: 6_000,
} as const;

export interface CallWindow {
  /** The limit as it is configured; below 1, one call in so many seconds. */
  readonly callsPerSecond: number;
  /** Calls that may be sent now. */
  readonly free: number;
  /** Until the next slot becomes free that is not so yet; `undefined` when that depends on something else than time. */
  readonly msUntilNext: number | undefined;
  /** Until the free slots need no longer be kept for requesters that have had no turn yet. */
  readonly msUntilUnspared: number;
  /** Until the next call may be sent without making a burst. */
  readonly msUntilSpread: number;
  /** By whomever, as far as it is known; see `look`. */
  readonly usedInLastSecond: number;
  /** Calls that may be sent until so much time has passed, at most. */
  countFreeWithin(ms: number): number;
  /** Until the last of so many further calls will probably be sent, in milliseconds. */
  estimateMsUntilSent(calls: number): number;
  take(isFirstTurn?: boolean): Slot;
  /** A call sent at this time was refused: take less, and more again little by little; nothing at all for `pauseMs`. */
  slowDown(sentAtMs: number, pauseMs?: number): void;
  /** How many calls wait, and how many of them are first turns: a window that is shared has to ask for slots. */
  want(calls: number, firstTurns: number): void;
  /** Learns what others use, where there are others. */
  look(): Promise<void>;
  /** Calls back whenever there may be more free slots for another reason than time. */
  onFreed(listener: () => void): void;
}

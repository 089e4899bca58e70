// What a throttle needs to know of a limit, whether one process keeps it or all replicas together.

/** One call that counts. */
export interface Slot {
  /** To be called once: when the answer is there, or with `false` when the call was given up without one. */
  answered(hasAnswer: boolean): void;
}

/** The part of a limit that can be kept up: a slot rests for the round trip as well. */
export const SUSTAINED_SHARE = 0.92;

export interface CallWindow {
  /** The limit as it is configured; below 1, one call in so many seconds. */
  readonly callsPerSecond: number;
  /** Calls that may be within one second here and now. */
  readonly limit: number;
  /** Calls that may be sent now. */
  readonly free: number;
  /** Until the next slot becomes free that is not so yet; `undefined` when that depends on something else than time. */
  readonly msUntilNext: number | undefined;
  /** Until the next call may be sent without making a burst. */
  readonly msUntilSpread: number;
  readonly usedInLastSecond: number;
  /** Until the last of so many further calls will probably be sent, in milliseconds. */
  estimateMsUntilSent(calls: number): number;
  take(): Slot;
  /** A call sent at this time was refused: take less, and more again little by little; nothing at all for `pauseMs`. */
  slowDown(sentAtMs: number, pauseMs?: number): void;
  /** How many calls wait: a window that is shared has to ask for slots. */
  want(calls: number): void;
  /** Calls back whenever there may be more free slots for another reason than time. */
  onFreed(listener: () => void): void;
}

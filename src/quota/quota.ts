// The contract of a quota: how many calls of one kind a cloud takes in any one second. Names no cloud.

/** How a cloud counts a kind of call, as its documentation states it. */
export interface CallLimit {
  /** The vendor's name of the API action. */
  readonly action: string;
  readonly callsPerSecond: number;
  /** Whose calls the cloud counts together. */
  readonly countedPer: "accessKey" | "account";
  /** The vendor's page that states it. */
  readonly documentation: string;
  /** A limit of the source address over all of an endpoint's actions, which holds as well. */
  readonly perSourceAddress?: { readonly callsPerSecond: number; readonly documentation: string };
}

/** What became of a call; follow it to tell a caller who gives up how things stand. */
export interface CallProgress {
  /** Whether the call has left the queue. */
  isSent: boolean;
  /** How long it will probably wait until it may be sent, in milliseconds. */
  estimateWaitMs: () => number;
}

/** A call that has not joined any queue yet. */
export function createProgress(): CallProgress {
  return { isSent: false, estimateWaitMs: () => 0 };
}

/** The progress of one call that answers several requests: each of them sees it. */
export function joinProgress(all: readonly CallProgress[]): CallProgress {
  return {
    get isSent() {
      return all.some((progress) => progress.isSent);
    },
    set isSent(isSent) {
      for (const progress of all) progress.isSent = isSent;
    },
    get estimateWaitMs() {
      return all[0]?.estimateWaitMs ?? (() => 0);
    },
    set estimateWaitMs(estimate) {
      for (const progress of all) progress.estimateWaitMs = estimate;
    },
  };
}

/** Tells when the next call may be sent. One object for all that share the cloud's count. */
export interface Quota {
  /**
   * Makes the call as soon as the quota allows, first come first served.
   * Rejects with `QueueFullError` at once when too many wait already.
   */
  run<T>(call: () => Promise<T>, progress?: CallProgress): Promise<T>;
}

/** Too many calls wait for a quota already. */
export class QueueFullError extends Error {
  readonly retryAfterMs: number;

  constructor(waiting: number, retryAfterMs: number) {
    super(`${waiting} calls wait for this quota already`);
    this.name = "QueueFullError";
    this.retryAfterMs = retryAfterMs;
  }
}

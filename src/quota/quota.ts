// The contract of a quota: how many calls of one kind a cloud takes in any one second. Names no cloud.

/** One limit of a cloud, as its documentation states it. */
export interface CallLimit {
  /** The vendor's name of the API action. */
  readonly action: string;
  readonly callsPerSecond: number;
  /** The vendor's page that states it. */
  readonly documentation: string;
}

/** Tells when the next call may be sent. One object for all that share the cloud's count. */
export interface Quota {
  /**
   * Makes the call as soon as the quota allows, first come first served.
   * Rejects with `QuotaExceededError` at once when the queue is full.
   */
  run<T>(call: () => Promise<T>): Promise<T>;
}

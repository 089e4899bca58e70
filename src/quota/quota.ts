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
  /** Whether each successful call costs money. */
  readonly isBilled?: boolean;
}

/** Somebody who waits for calls: one GraphQL operation. Quotas are fair between them. */
export interface Requester {
  /** Until when the answer is wanted, on the monotonic clock; after that its calls go on behind those of others. */
  readonly deadlineMs: number;
  /** Aborted when the client went away: what is wanted for nobody else and was not sent yet is not sent at all. */
  readonly signal?: AbortSignal | undefined;
}

/** A place in the queue of a quota. */
export interface QueuePlace {
  /** The call is wanted by this requester as well, and goes when the first of their turns comes. */
  join(requester: Requester): void;
  /** How long it will probably take until the call is answered, in milliseconds. */
  estimateWaitMs(): number;
  /** Leaves the queue, unless the call is needed all the same. Without it a call stays until its turn. */
  leaveUnneeded?(): void;
}

/** For how long an estimate is good enough. */
const ESTIMATE_MS = 20;

interface Estimate {
  readonly place: QueuePlace;
  readonly waitMs: number;
  readonly untilMs: number;
}

/** Follows one certificate through the calls that are made for it, and remembers who waits for it. */
export class CallTicket {
  readonly #requesters: Requester[];
  #place: QueuePlace | undefined;
  #estimate: Estimate | undefined;
  #lastError: unknown;

  constructor(requester: Requester) {
    this.#requesters = [requester];
  }

  get requesters(): readonly Requester[] {
    return this.#requesters;
  }

  /** Whether a call is on its way to the cloud, or answered. */
  get isSent(): boolean {
    return this.#place === undefined;
  }

  /** Whether anybody is still there who asked for it. */
  get isWanted(): boolean {
    return this.#requesters.some(({ signal }) => signal?.aborted !== true);
  }

  /** Somebody else waits for the same. */
  join(requester: Requester): void {
    this.#requesters.push(requester);
    this.#place?.join(requester);
  }

  /** Takes its call out of the queue when nobody wants it any more. Whether it waits nowhere now, unsent. */
  leaveUnwanted(): boolean {
    if (this.isSent || this.isWanted) return false;
    this.#place?.leaveUnneeded?.();
    return this.isSent;
  }

  /** 0 once the call is sent. */
  estimateWaitMs(): number {
    const place = this.#place;
    if (place === undefined) return 0;
    const now = performance.now();
    // Dozens of equal questions may ask it of the same hundreds of tickets at one moment.
    if (this.#estimate?.place !== place || now >= this.#estimate.untilMs) {
      const waitMs = place.estimateWaitMs();
      this.#estimate = { place, waitMs, untilMs: now + ESTIMATE_MS };
    }
    return this.#estimate.waitMs;
  }

  /** For those who make the calls: it waits there now, or with `undefined` no longer. */
  moveTo(place: QueuePlace | undefined): void {
    this.#place = place;
  }

  /** Why the last call that was made for it is made again; `undefined` while none failed. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** For those who make the calls: one failed, and is made again. */
  failed(error: unknown): void {
    this.#lastError = error;
  }

  /** It no longer waits there, if it did. */
  leave(place: QueuePlace): void {
    if (this.#place === place) this.#place = undefined;
  }
}

export interface QuotaCall<T> {
  /** Made when the quota allows. */
  readonly send: () => Promise<T>;
  /** Whom the call is for. */
  readonly tickets: readonly CallTicket[];
  /** Asked when its turn comes: a call that nobody needs any more takes no part of the quota. By default it is needed. */
  readonly isNeeded?: () => boolean;
  /** Whether it was refused before and has waited long enough. Default false. */
  readonly isRetry?: boolean;
}

/** What a quota is doing now. */
export interface QuotaUse {
  readonly callsPerSecond: number;
  readonly usedInLastSecond: number;
  readonly waiting: number;
  /** What a call that comes now would wait, in milliseconds. */
  readonly estimatedWaitMs: number;
}

/** Tells when the next call may be sent. One object for all that share the cloud's count. */
export interface Quota {
  /**
   * Makes the call as soon as the quota allows, fair between requesters.
   * Rejects with `QueueFullError` at once when too many wait already, with `NotNeededError` when it was not made.
   */
  run<T>(call: QuotaCall<T>): Promise<T>;
  /** The cloud refused a call sent at this time all the same: others use the same account. `pauseMs` is what it asked for. */
  slowDown(sentAtMs: number, pauseMs: number | undefined): void;
  use(): QuotaUse;
  /** Learns what other replicas use just now; without it `use` tells what was known of them before. */
  look(): Promise<void>;
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

/** When the turn of a call came, nobody needed it any more. */
export class NotNeededError extends Error {
  constructor() {
    super("the call was not needed any more");
    this.name = "NotNeededError";
  }
}

// A quota within one process: calls wait until every limit that counts them has a free slot.
import type { CallWindow } from "./call-window.ts";
import { FairQueue, type Turn } from "./fair-queue.ts";
import {
  NotNeededError,
  QueueFullError,
  type QueuePlace,
  type Quota,
  type QuotaCall,
  type QuotaUse,
  type Requester,
} from "./quota.ts";

export interface ThrottleOptions {
  /** Every limit that counts the calls; windows may be shared with other throttles. */
  readonly windows: readonly CallWindow[];
  /** How many calls may wait before further ones are refused. */
  readonly maxWaiting?: number;
}

interface Entry {
  readonly isNeeded: () => boolean;
  readonly send: () => void;
  readonly drop: () => void;
}

/**
 * While calls queue up, some free slots are kept for requesters that have had no turn yet: one for each such stretch
 * of time until the next slot becomes free. Else a burst would make questions about one device wait for a whole second.
 */
const LONGEST_GAP_MS = 250;
/** Limits below this have no slot to spare. */
const MIN_SLOTS_TO_SPARE_ONE = 4;
/** The part of a limit that may be kept: bursts should be used. */
const MAX_SPARED_SHARE = 0.4;
/** From this limit on a burst takes so long to send and to read that its slots come back late: it is spread. */
const MIN_SLOTS_TO_SPREAD = 50;
/** A window may also be freed by another throttle that shares it. */
const LOOK_AGAIN_MS = 100;
/** What is added to an estimate for the way to the cloud and back. */
const ROUND_TRIP_MS = 150;

/** Whose calls are made behind those of everybody. */
const NOBODY: Requester = { deadlineMs: Number.NEGATIVE_INFINITY };

/** Makes a quota that holds all of `windows`. */
export function createThrottle(options: ThrottleOptions): Quota {
  return new Throttle(options);
}

class Throttle implements Quota {
  readonly #windows: readonly CallWindow[];
  readonly #maxWaiting: number;
  readonly #queue = new FairQueue<Entry>();
  #timer: NodeJS.Timeout | undefined;
  #isLookDue = false;
  #lastSentAtMs = Number.NEGATIVE_INFINITY;

  constructor({ windows, maxWaiting = 20_000 }: ThrottleOptions) {
    this.#windows = windows;
    for (const window of windows) window.onFreed(() => this.#sendAllowed());
    this.#maxWaiting = maxWaiting;
  }

  run<T>({ send, tickets, isNeeded = () => true, isRetry = false }: QuotaCall<T>): Promise<T> {
    if (this.#queue.size >= this.#maxWaiting && !isRetry) {
      const { waiting, estimatedWaitMs } = this.use();
      return Promise.reject(new QueueFullError(waiting, estimatedWaitMs));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const leave = () => {
      for (const ticket of tickets) ticket.leave(place);
    };
    const entry: Entry = {
      isNeeded,
      send: () => {
        leave();
        resolve(this.#send(send));
      },
      drop: () => {
        leave();
        reject(new NotNeededError());
      },
    };
    const place: QueuePlace = {
      join: (requester) => this.#add(entry, requester, false),
      estimateWaitMs: () =>
        this.#estimateMsUntilSent(this.#queue.countUntil(entry)) + ROUND_TRIP_MS,
      leaveUnneeded: () => {
        if (!this.#queue.has(entry) || isNeeded()) return;
        this.#queue.remove(entry);
        entry.drop();
        this.#want();
      },
    };
    for (const ticket of tickets) ticket.moveTo(place);
    const requesters = tickets.flatMap((ticket) => ticket.requesters);
    for (const requester of new Set(requesters.length > 0 ? requesters : [NOBODY])) {
      this.#add(entry, requester, isRetry);
    }
    return promise;
  }

  slowDown(sentAtMs: number, pauseMs: number | undefined): void {
    for (const window of this.#windows) window.slowDown(sentAtMs, pauseMs);
  }

  use(): QuotaUse {
    const waiting = this.#queue.size;
    return {
      callsPerSecond: Math.min(...this.#windows.map((window) => window.callsPerSecond)),
      usedInLastSecond: Math.max(...this.#windows.map((window) => window.usedInLastSecond)),
      waiting,
      estimatedWaitMs: this.#estimateMsUntilSent(waiting + 1),
    };
  }

  get #free(): number {
    return Math.min(...this.#windows.map((window) => window.free));
  }

  #add(entry: Entry, requester: Requester, isFirst: boolean): void {
    this.#queue.add(requester, entry, isFirst);
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    // Once for all calls that come together: only then it is known how many there are.
    queueMicrotask(() => {
      this.#isLookDue = false;
      this.#sendAllowed();
    });
  }

  #estimateMsUntilSent(calls: number): number {
    return Math.ceil(Math.max(...this.#windows.map((window) => window.estimateMsUntilSent(calls))));
  }

  #sendAllowed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (let turn = this.#queue.peek(); turn !== undefined; turn = this.#queue.peek()) {
      let waitMs = this.#msUntilAllowed(turn);
      // The slot that is kept for newcomers is no use to whoever's turn it is.
      const newcomer = waitMs > 0 ? this.#queue.peekFirstTurn() : undefined;
      if (newcomer && this.#msUntilAllowed(newcomer) <= 0) {
        turn = newcomer;
        waitMs = 0;
      }
      if (!turn.entry.isNeeded()) {
        this.#queue.remove(turn.entry);
        turn.entry.drop();
      } else if (waitMs > 0) {
        this.#want();
        const afterMs = Math.min(Math.ceil(waitMs), LOOK_AGAIN_MS);
        this.#timer = setTimeout(() => this.#sendAllowed(), afterMs);
        return;
      } else {
        this.#queue.take(turn)?.send();
      }
    }
    this.#want();
  }

  #want(): void {
    for (const window of this.#windows) window.want(this.#queue.size);
  }

  #msUntilAllowed({ isFirstTurn }: Turn<Entry>): number {
    const full = this.#windows.filter((window) => window.free === 0);
    if (full.length > 0) {
      return Math.max(...full.map((window) => window.msUntilNext ?? Number.POSITIVE_INFINITY));
    }
    if (isFirstTurn || this.#queue.size <= this.#free) return 0;
    return Math.max(
      ...this.#windows.map((window) => this.#msUntilSpared(window)),
      ...this.#windows.map((window) =>
        window.limit < MIN_SLOTS_TO_SPREAD ? 0 : window.msUntilSpread,
      ),
    );
  }

  /** How long the free slots of a window must still be spared. */
  #msUntilSpared({ limit, free, msUntilNext }: CallWindow): number {
    if (limit < MIN_SLOTS_TO_SPARE_ONE || free > Math.max(1, limit * MAX_SPARED_SHARE)) return 0;
    const sinceSentMs = performance.now() - this.#lastSentAtMs;
    // What was sent last comes back in a second at the earliest; while nothing is answered, nothing else is known.
    const nextMs = Math.min(msUntilNext ?? Number.POSITIVE_INFINITY, 1000 - sinceSentMs);
    return nextMs - free * LONGEST_GAP_MS;
  }

  async #send<T>(send: () => Promise<T>): Promise<T> {
    this.#lastSentAtMs = performance.now();
    const slots = this.#windows.map((window) => window.take());
    let hasAnswer = false;
    try {
      const answer = await send();
      hasAnswer = true;
      return answer;
    } finally {
      for (const slot of slots) slot.answered(hasAnswer);
      this.#sendAllowed();
    }
  }
}

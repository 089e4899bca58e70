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
  readonly send: (isFirstTurn: boolean) => void;
  readonly drop: () => void;
}

/** A window may also be freed by another throttle that shares it. */
const LOOK_AGAIN_MS = 100;
/** Making a call takes some time. So many are made in one turn of the event loop; turns are short enough to use any quota. */
const MAX_AT_ONCE = 8;
/** A window that others share must not give slots to a call that another window will not allow within this time. */
const SLOTS_AHEAD_MS = 400;
/** What is added to an estimate for the way to the cloud and back. */
const ROUND_TRIP_MS = 150;

/** So many places more are there for those who have nothing in a queue yet, so that large questions do not keep small ones out. */
const PLACES_OF_FIRST_CALLS = 1_000;

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

  constructor({ windows, maxWaiting = 20_000 }: ThrottleOptions) {
    this.#windows = windows;
    for (const window of windows) window.onFreed(() => this.#sendAllowed());
    this.#maxWaiting = maxWaiting;
  }

  run<T>({ send, tickets, isNeeded = () => true, isRetry = false }: QuotaCall<T>): Promise<T> {
    const requesters = new Set(tickets.flatMap((ticket) => ticket.requesters));
    if (!isRetry && this.#isFullFor(requesters)) {
      const { waiting, estimatedWaitMs } = this.use();
      return Promise.reject(new QueueFullError(waiting, estimatedWaitMs));
    }
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const leave = () => {
      for (const ticket of tickets) ticket.leave(place);
    };
    const entry: Entry = {
      isNeeded,
      send: (isFirstTurn) => {
        leave();
        resolve(this.#send(send, isFirstTurn));
      },
      drop: () => {
        leave();
        reject(new NotNeededError());
      },
    };
    const place: QueuePlace = {
      join: (requester) => this.#add(entry, requester, false),
      estimateWaitMs: () => this.#estimateMsUntilSent(this.#countUntil(entry)) + ROUND_TRIP_MS,
      leaveUnneeded: () => {
        if (!this.#queue.has(entry) || isNeeded()) return;
        this.#queue.remove(entry);
        entry.drop();
        this.#want();
      },
    };
    for (const ticket of tickets) ticket.moveTo(place);
    for (const requester of requesters.size > 0 ? requesters : [NOBODY]) {
      this.#add(entry, requester, isRetry);
    }
    return promise;
  }

  slowDown(sentAtMs: number, pauseMs: number | undefined): void {
    for (const window of this.#windows) window.slowDown(sentAtMs, pauseMs);
  }

  async look(): Promise<void> {
    await Promise.all(this.#windows.map((window) => window.look()));
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

  #isFullFor(requesters: ReadonlySet<Requester>): boolean {
    const places = this.#maxWaiting - this.#queue.size;
    if (places > 0) return false;
    const isFirstCall = [...requesters].some((requester) => !this.#queue.hasOf(requester));
    return !isFirstCall || places <= -PLACES_OF_FIRST_CALLS;
  }

  get #free(): number {
    return Math.min(...this.#windows.map((window) => window.free));
  }

  #add(entry: Entry, requester: Requester, isFirst: boolean): void {
    this.#queue.add(requester, entry, isFirst);
    this.#lookSoon();
  }

  /** Once for all calls that come together: only then it is known how many there are. */
  #lookSoon(): void {
    if (this.#isLookDue) return;
    this.#isLookDue = true;
    setImmediate(() => {
      this.#isLookDue = false;
      this.#sendAllowed();
    });
  }

  /** Newcomers have slots that are kept for them. */
  #countUntil(entry: Entry): number {
    return this.#queue.isOfNewcomer(entry) ? this.#queue.firstTurns : this.#queue.countUntil(entry);
  }

  #estimateMsUntilSent(calls: number): number {
    return Math.ceil(Math.max(...this.#windows.map((window) => window.estimateMsUntilSent(calls))));
  }

  #sendAllowed(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let sent = 0;
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
      } else if (sent < MAX_AT_ONCE) {
        this.#queue.take(turn)?.send(turn.isFirstTurn);
        sent += 1;
      } else {
        this.#lookSoon();
        return;
      }
    }
    this.#want();
  }

  #want(): void {
    const { size, firstTurns } = this.#queue;
    for (const window of this.#windows) {
      let calls = size;
      for (const other of this.#windows) {
        if (other !== window) calls = Math.min(calls, other.countFreeWithin(SLOTS_AHEAD_MS));
      }
      window.want(calls, Math.min(calls, firstTurns));
    }
  }

  #msUntilAllowed({ isFirstTurn }: Turn<Entry>): number {
    const full = this.#windows.filter((window) => window.free === 0);
    if (full.length > 0) {
      return Math.max(...full.map((window) => window.msUntilNext ?? Number.POSITIVE_INFINITY));
    }
    if (isFirstTurn || this.#queue.size <= this.#free) return 0;
    return Math.max(
      ...this.#windows.map(({ msUntilUnspared, msUntilSpread }) =>
        Math.max(msUntilUnspared, msUntilSpread),
      ),
    );
  }

  async #send<T>(send: () => Promise<T>, isFirstTurn: boolean): Promise<T> {
    const slots = this.#windows.map((window) => window.take(isFirstTurn));
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

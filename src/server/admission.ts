// How many requests are taken on, and how they take turns: the work of one at a time, small ones first, and every millisecond
// the event loop goes round, so that health is answered and connections are accepted however many wait.
import { OVERLOAD_MESSAGE, Refusal } from "./refusal.ts";

export interface AdmissionOptions {
  /** Most requests at once, those included that wait for a cloud. */
  readonly concurrentRequests: number;
  /** How long a newcomer may expect to wait for its turn, once there has been a line for as long. */
  readonly waitMs: number;
  /** Whoever waits longer for its turn is refused after all: its time to answer is over. By default nobody. */
  readonly patienceMs?: number;
  /** Calls back when the event loop has gone round. By default `setImmediate`. */
  readonly onNextRound?: (callback: () => void) => void;
  /** Calls back when a turn that has just begun has done all that it can at once. By default when no microtask is left. */
  readonly onTurnOver?: (callback: () => void) => void;
  /** Whether work of earlier turns was put off: then a round has one turn only, or all would be late together. By default no. */
  readonly hasBacklog?: () => boolean;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/** A line that is no longer than this is not refused: it is slow, but not for want of fewer requests. */
const SHORT_LINE = 32;
/** For how long one turn follows another before the event loop goes round: work that was just done is done faster. */
const ROUND_MS = 1;
/** How much the last turn counts in what a turn is expected to take. */
const WEIGHT_OF_LAST_TURN = 0.1;
/** A turn that takes longer than so many times what was expected was held up: counted as so many times. */
const MOST_TIMES_EXPECTED = 4;
const LEAST_EXPECTED_MS = 1;
/** Requests of at most so many bytes go first: a few certificates are asked for by less, hundreds by more. */
const SMALL_BYTES = 4_096;
/** Of so many turns one is that of a large request. */
const LARGE_EVERY = 4;
/** For so long the first of a line waits for others that are connecting. */
const MOST_CONNECTING_MS = 50;

interface Waiter {
  readonly since: number;
  readonly begin: () => void;
  readonly refuse: (refusal: Refusal) => void;
  next: Waiter | undefined;
}

/** Lives as long as the process. */
export class Admission {
  readonly #concurrentRequests: number;
  readonly #waitMs: number;
  readonly #patienceMs: number;
  readonly #now: () => number;
  readonly #hasBacklog: () => boolean;
  readonly #onNextRound: (callback: () => void) => void;
  readonly #onTurnOver: (callback: () => void) => void;
  readonly #small = new Line();
  readonly #large = new Line();
  #turnsSinceLarge = 0;
  #entered = 0;
  /** Since when somebody has always been waiting. */
  #lineSince = 0;
  #lastTurnAt = 0;
  #roundEndsAt = 0;
  /** Whether a connection was accepted since the event loop went round. */
  #isConnecting = false;
  /** From one turn to the next, with all that the event loop does in between: its lag is part of it. */
  #expectedTurnMs = LEAST_EXPECTED_MS;

  constructor(options: AdmissionOptions) {
    this.#concurrentRequests = options.concurrentRequests;
    this.#waitMs = options.waitMs;
    this.#patienceMs = options.patienceMs ?? Number.POSITIVE_INFINITY;
    this.#now = options.now ?? (() => performance.now());
    this.#hasBacklog = options.hasBacklog ?? (() => false);
    this.#onNextRound = options.onNextRound ?? setImmediate;
    this.#onTurnOver = options.onTurnOver ?? afterMicrotasks;
  }

  /** Requests that entered and have not left. */
  get entered(): number {
    return this.#entered;
  }

  /** Whether a newcomer would have its turn soon enough. Cheap: it is asked for each request, and answers many a refusal. */
  get isOpen(): boolean {
    if (this.#entered >= this.#concurrentRequests) return false;
    const waiting = this.#waiting;
    if (waiting <= SHORT_LINE) return true;
    const expectedWaitMs = waiting * this.#expectedTurnMs;
    if (expectedWaitMs <= this.#waitMs) return true;
    // A burst has its time, unless it would come to nothing.
    const isBurst = this.#now() - this.#lineSince <= this.#waitMs;
    return isBurst && expectedWaitMs <= this.#patienceMs;
  }

  /**
   * To be told of each connection that was accepted. Of many that come together one is accepted each time the event loop
   * goes round: with turns in between, the last of fifty large questions would be read half a second after it came, and
   * its time to be answered would begin only then.
   */
  connected(): void {
    this.#isConnecting = true;
  }

  /** Takes a request on, or throws at once. What it answers must be called when the request is over. */
  enter(): () => void {
    if (!this.isOpen) throw createOverload();
    this.#entered += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#entered -= 1;
      isOver = true;
    };
  }

  /**
   * Resolves when it is the turn of this request, which has so many bytes, or rejects when that is too late. What follows
   * without waiting for anything else belongs to the turn.
   */
  turn(bytes = 0): Promise<void> {
    return new Promise((begin, refuse) => {
      const since = this.#now();
      if (this.#waiting === 0) {
        this.#lineSince = since;
        this.#lastTurnAt = since;
        this.#onNextRound(this.#beginRound);
      }
      const line = bytes <= SMALL_BYTES ? this.#small : this.#large;
      line.add({ since, begin, refuse, next: undefined });
    });
  }

  get #waiting(): number {
    return this.#small.length + this.#large.length;
  }

  readonly #beginRound = (): void => {
    const now = this.#now();
    if (this.#isConnecting && now - this.#lineSince < MOST_CONNECTING_MS) {
      this.#isConnecting = false;
      this.#lastTurnAt = now;
      this.#onNextRound(this.#beginRound);
      return;
    }
    this.#roundEndsAt = now + ROUND_MS;
    this.#callFirst(now);
  };

  readonly #goOn = (): void => {
    const now = this.#now();
    if (now < this.#roundEndsAt && !this.#hasBacklog()) this.#callFirst(now);
    else this.#onNextRound(this.#beginRound);
  };

  #callFirst(now: number): void {
    this.#measureTurn(now);
    const called = this.#takeFirst();
    if (this.#waiting > 0) this.#onTurnOver(this.#goOn);
    if (called === undefined) return;
    if (now - called.since > this.#patienceMs) called.refuse(createOverload());
    else called.begin();
  }

  #takeFirst(): Waiter | undefined {
    const isTurnOfLarge = this.#small.length === 0 || this.#turnsSinceLarge >= LARGE_EVERY - 1;
    const large = isTurnOfLarge ? this.#large.take() : undefined;
    this.#turnsSinceLarge = large === undefined ? this.#turnsSinceLarge + 1 : 0;
    return large ?? this.#small.take();
  }

  #measureTurn(now: number): void {
    const most = this.#expectedTurnMs * MOST_TIMES_EXPECTED;
    const tookMs = Math.min(now - this.#lastTurnAt, most);
    const expected = this.#expectedTurnMs + (tookMs - this.#expectedTurnMs) * WEIGHT_OF_LAST_TURN;
    this.#expectedTurnMs = Math.max(expected, LEAST_EXPECTED_MS);
    this.#lastTurnAt = now;
  }
}

/** First come, first served. */
class Line {
  #first: Waiter | undefined;
  #last: Waiter | undefined;
  length = 0;

  add(waiter: Waiter): void {
    if (this.#last === undefined) this.#first = waiter;
    else this.#last.next = waiter;
    this.#last = waiter;
    this.length += 1;
  }

  take(): Waiter | undefined {
    const taken = this.#first;
    if (taken === undefined) return undefined;
    this.#first = taken.next;
    if (this.#first === undefined) this.#last = undefined;
    this.length -= 1;
    return taken;
  }
}

/** The next tick begins when the queue of microtasks is empty, with all that was put there in the meantime. */
function afterMicrotasks(callback: () => void): void {
  queueMicrotask(() => process.nextTick(callback));
}

function createOverload(): Refusal {
  return new Refusal("overload", OVERLOAD_MESSAGE);
}

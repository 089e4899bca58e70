// How many requests are taken on, and how they take turns: the work of one at a time, and between two of them the event
// loop goes round, so that health is answered and connections are accepted however many wait.
import { Refusal } from "./refusal.ts";

export interface AdmissionOptions {
  /** Most requests at once, those included that wait for a cloud. */
  readonly concurrentRequests: number;
  /** How long the first in line may have waited before newcomers are refused. */
  readonly waitMs: number;
  /** Whoever waited longer for its turn is refused after all: its time to answer is over. By default nobody. */
  readonly patienceMs?: number;
  /** Calls back when the event loop has gone round. By default `setImmediate`. */
  readonly onNextTurn?: (callback: () => void) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/** A line that is no longer than this is not refused: one slow turn made it wait, not too many requests. */
const SHORT_LINE = 100;

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
  readonly #onNextTurn: (callback: () => void) => void;
  #first: Waiter | undefined;
  #last: Waiter | undefined;
  #waiting = 0;
  #entered = 0;

  constructor(options: AdmissionOptions) {
    this.#concurrentRequests = options.concurrentRequests;
    this.#waitMs = options.waitMs;
    this.#patienceMs = options.patienceMs ?? Number.POSITIVE_INFINITY;
    this.#now = options.now ?? (() => performance.now());
    this.#onNextTurn = options.onNextTurn ?? setImmediate;
  }

  /** Requests that entered and have not left. */
  get entered(): number {
    return this.#entered;
  }

  /** Takes a request on, or throws at once. What it answers must be called when the request is over. */
  enter(): () => void {
    const first = this.#first;
    const isLong = this.#waiting > SHORT_LINE;
    const isLate = isLong && first !== undefined && this.#now() - first.since > this.#waitMs;
    if (isLate || this.#entered >= this.#concurrentRequests) {
      throw createOverload();
    }
    this.#entered += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#entered -= 1;
      isOver = true;
    };
  }

  /** Resolves when it is this request's turn, or rejects when that is too late. What follows without waiting for anything else belongs to the turn. */
  turn(): Promise<void> {
    return new Promise((begin, refuse) => {
      const waiter: Waiter = { since: this.#now(), begin, refuse, next: undefined };
      if (this.#last === undefined) {
        this.#first = waiter;
        this.#onNextTurn(this.#callFirst);
      } else {
        this.#last.next = waiter;
      }
      this.#last = waiter;
      this.#waiting += 1;
    });
  }

  readonly #callFirst = (): void => {
    const called = this.#first;
    this.#first = called?.next;
    this.#waiting -= 1;
    if (this.#first === undefined) this.#last = undefined;
    else this.#onNextTurn(this.#callFirst);
    if (called === undefined) return;
    if (this.#now() - called.since > this.#patienceMs) called.refuse(createOverload());
    else called.begin();
  };
}

function createOverload(): Refusal {
  return new Refusal("overload", "There is too much to do just now; ask again a little later.");
}

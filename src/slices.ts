// Takes work apart that would hold up everybody else if it were done at once.

/** For how long the event loop may stand still for it, in milliseconds. */
const MAX_SLICE_MS = 4;

/** To take so few items apart would cost more than most work on them. */
const FEW = 4;

/** Something that is there at once, unless there was no time for it. */
export type NowOrLater<Value> = Value | Promise<Value>;

/** What follows from it, at once too. */
export function andThen<Value, Result>(
  value: NowOrLater<Value>,
  next: (value: Value) => NowOrLater<Result>,
): NowOrLater<Result> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Some work with all that is begun in its course. */
interface Task {
  unfinished: number;
  readonly followers: (() => void)[];
}

/** A part of a task that goes on when it has its next turn. */
interface Job {
  readonly task: Task;
  /** Does a bit, and says whether there is more. */
  readonly advance: () => boolean;
  readonly end: () => void;
  readonly fail: (error: unknown) => void;
}

export class Slices {
  /** In the order of their turns. */
  readonly #waiting: Job[] = [];
  /** Of what is being done this moment. */
  #current: Task | undefined;
  #isOpen = false;
  #endsAtMs = 0;

  /**
   * Does the work on each of the items, in order: at once while the slice lasts, else in later turns of the event loop.
   * All who wait take turns with single items, so that who wants little has it soon. A list of no more than `few` is worked
   * off at once in any case.
   */
  map<Item, Result>(
    items: readonly Item[],
    work: (item: Item, index: number) => Result,
    few = FEW,
  ): NowOrLater<Result[]> {
    if (items.length <= few) return items.map((item, index) => work(item, index));
    const results: Result[] = [];
    const left = items.entries();
    const advance = () => {
      const { value, done } = left.next();
      if (!done) results.push(work(value[1], value[0]));
      return results.length < items.length;
    };
    const task = this.#current ?? { unfinished: 0, followers: [] };
    task.unfinished += 1;
    if (this.#doAtOnce(task, advance)) return results;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ task, advance, end: () => resolve(results), fail: reject });
    });
  }

  /** Whether there was no time for all that was wanted. */
  get hasBacklog(): boolean {
    return this.#waiting.length > 0;
  }

  /** Calls back in a later turn, not before all work is done in whose course this is called. */
  afterAll(callback: () => void): void {
    if (this.#current === undefined) setImmediate(callback);
    else this.#current.followers.push(callback);
  }

  /** Whether it is done. */
  #doAtOnce(task: Task, advance: () => boolean): boolean {
    if (!this.#isOpen) this.#open();
    // What is begun in the course of other work has its turn already.
    const isItsTurn = this.#waiting.length === 0 || task === this.#current;
    if (!isItsTurn) return false;
    try {
      while (performance.now() < this.#endsAtMs) {
        if (this.#do(task, advance)) continue;
        finish(task);
        return true;
      }
    } catch (error) {
      finish(task);
      throw error;
    }
    return false;
  }

  #do(task: Task, advance: () => boolean): boolean {
    const outer = this.#current;
    this.#current = task;
    try {
      return advance();
    } finally {
      this.#current = outer;
    }
  }

  #open(): void {
    this.#isOpen = true;
    this.#endsAtMs = performance.now() + MAX_SLICE_MS;
    setImmediate(this.#next);
  }

  readonly #next = (): void => {
    this.#isOpen = false;
    if (this.#waiting.length === 0) return;
    this.#open();
    do {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const { task, advance, end, fail } = job;
      try {
        if (this.#do(task, advance)) {
          this.#waiting.push(job);
          continue;
        }
        end();
      } catch (error) {
        fail(error);
      }
      finish(task);
    } while (performance.now() < this.#endsAtMs);
  };
}

function finish(task: Task): void {
  task.unfinished -= 1;
  if (task.unfinished > 0) return;
  for (const follower of task.followers.splice(0)) setImmediate(follower);
}

/** There is one event loop: whatever is done for any request shares the slice of each of its turns. */
export const slices = new Slices();

// Takes work apart that would hold up everybody else if it were done at once.

/** For how long the event loop may stand still for it, in milliseconds. */
const MAX_SLICE_MS = 4;

export class Slices {
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;
  #endsAtMs = 0;

  /** Does the work at once while the slice lasts, else in a later turn, in the order in which it came. */
  run<Result>(work: () => Result): Result | Promise<Result> {
    if (!this.#isOpen) this.#open();
    if (this.#waiting.length === 0 && performance.now() < this.#endsAtMs) return work();
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(Promise.try(work)));
    });
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
    let done = 0;
    for (const work of this.#waiting) {
      work();
      done += 1;
      if (performance.now() >= this.#endsAtMs) break;
    }
    this.#waiting.splice(0, done);
  };
}

/** There is one event loop: whatever is done for any request shares the slice of each of its turns. */
export const slices = new Slices();

// How many calls may be made again: as in the official SDKs of large clouds, so that a cloud that fails is not stormed.

/** What a call that succeeds at once adds, in repetitions. */
const EARNED = 0.1;

/**
 * A repetition borrows; a call that succeeds in the end gives back what it borrowed, and adds a little. So a cloud that
 * fails now and then is asked again each time, and one that fails for good is asked again a few times in all.
 */
export class RetryBudget {
  readonly #capacity: number;
  #left: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#left = capacity;
  }

  /** Takes one repetition, if one is left. */
  borrow(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }

  /** A call succeeded after so many repetitions. */
  succeeded(borrowed: number): void {
    this.#left = Math.min(this.#capacity, this.#left + borrowed + EARNED);
  }
}

// Keeps calls within a limit for any one second as counted where the cloud receives them.

/**
 * Sending times are not arrival times: a call counts from when it arrived, which is some time before its answer
 * came back. So a slot is in use from the sending of its call until one whole period after the answer.
 * Two calls that use the same slot then arrive at least one period apart, whatever the network's jitter.
 */
export class SlidingWindow {
  readonly callsPerSecond: number;
  readonly #slots: number;
  readonly #periodMs: number;
  readonly #now: () => number;
  #inFlight = 0;
  /** When each slot whose call was answered is free again, earliest first. */
  readonly #freeAt: number[] = [];

  /** `now` is a monotonic clock in milliseconds. */
  constructor(callsPerSecond: number, now: () => number = () => performance.now()) {
    this.callsPerSecond = callsPerSecond;
    // Below one call a second the one slot stays taken for longer than a second.
    this.#slots = Math.max(1, Math.floor(callsPerSecond));
    this.#periodMs = callsPerSecond >= 1 ? 1000 : 1000 / callsPerSecond;
    this.#now = now;
  }

  /** How long until a slot is free: 0 for now, `undefined` when that depends on an answer that is not there yet. */
  msUntilFree(): number | undefined {
    this.#dropFree();
    if (this.#inFlight + this.#freeAt.length < this.#slots) return 0;
    const first = this.#freeAt[0];
    return first === undefined ? undefined : first - this.#now();
  }

  /** Takes a slot that `msUntilFree` found. Call `answered` once, when the answer is there or the call was given up. */
  take(): { answered: () => void } {
    this.#inFlight += 1;
    return {
      answered: () => {
        this.#inFlight -= 1;
        this.#freeAt.push(this.#now() + this.#periodMs);
      },
    };
  }

  #dropFree(): void {
    const now = this.#now();
    const firstTaken = this.#freeAt.findIndex((freeAt) => freeAt > now);
    this.#freeAt.splice(0, firstTaken === -1 ? this.#freeAt.length : firstTaken);
  }
}

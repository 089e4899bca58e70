// How long everything that one answer delivers stays fresh.

/** Lives as long as a request. */
export class AnswerFreshness {
  #freshUntilMs: number | undefined;

  /** Something is delivered that is fresh until then, on the monotonic clock; in the past for what is stale. */
  restrict(freshUntilMs: number): void {
    if (this.#freshUntilMs === undefined || freshUntilMs < this.#freshUntilMs) {
      this.#freshUntilMs = freshUntilMs;
    }
  }

  /** Something is delivered that nobody may keep. */
  forbidKeeping(): void {
    this.#freshUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** For how long the answer may be kept, in milliseconds: 0 when not at all, or when nothing is known of it. */
  get remainingMs(): number {
    return Math.max(0, (this.#freshUntilMs ?? 0) - performance.now());
  }
}

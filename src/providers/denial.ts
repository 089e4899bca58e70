// Remembers that a cloud refuses the credentials, so that not every call has to find it out.
import type { ProviderError } from "../errors.ts";

const TRY_EVERY_MS = 10_000;
/** For so long a success proves that a single refusal was about what was asked for. */
const PROVEN_MS = 10_000;
const REFUSALS_AFTER_SUCCESS = 3;

/** One call on its way. */
export interface DenialCall {
  /** Whether others wait for what it tells. */
  readonly isTrial: boolean;
  /** To be called at its end, whatever became of it. */
  ended(): void;
}

/**
 * What is known of one key, or of the permission for one action. While it is refused, one call in ten seconds finds out
 * whether it still is; the others have the refusal at once.
 */
export class Denial {
  #error: ProviderError | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #succeededAtMs = Number.NEGATIVE_INFINITY;
  #refusalsInRow = 0;
  /** The key, or the time, was refused and then mended: whether that helps is not known yet. */
  #isMended = false;
  #trial: PromiseWithResolvers<void> | undefined;

  /** What a call would be answered; `undefined` when it may be made. */
  get error(): ProviderError | undefined {
    return performance.now() - this.#triedAtMs < TRY_EVERY_MS ? this.#error : undefined;
  }

  /** When it will be known whether what was mended helps; `undefined` when nobody is finding out. Never rejects. */
  get trialEnd(): Promise<void> | undefined {
    return this.#trial?.promise;
  }

  /** A call is made; while it is refused, no other one for a while. */
  begin(): DenialCall {
    if (this.#error !== undefined) this.#triedAtMs = performance.now();
    const isTrial = this.#isMended && this.#trial === undefined;
    const trial = isTrial ? Promise.withResolvers<void>() : undefined;
    this.#trial ??= trial;
    return {
      isTrial,
      ended: () => {
        if (trial !== undefined && this.#trial === trial) this.#endTrial();
      },
    };
  }

  /** It was refused, and another key or another time is there now: the next call finds out whether that helps. */
  mended(): void {
    this.#isMended = true;
  }

  /** `isCertain`: it cannot have been about what was asked for. */
  refused(error: ProviderError, isCertain: boolean): void {
    const now = performance.now();
    this.#refusalsInRow += 1;
    this.#isMended = false;
    const isProven = now - this.#succeededAtMs < PROVEN_MS;
    if (!isCertain && isProven && this.#refusalsInRow < REFUSALS_AFTER_SUCCESS) return;
    this.#error = error;
    this.#triedAtMs = now;
  }

  /** A call that was sent at this time was not refused. */
  accepted(sentAtMs: number): void {
    if (this.#error !== undefined && sentAtMs < this.#triedAtMs) return;
    this.#error = undefined;
    this.#refusalsInRow = 0;
    this.#succeededAtMs = performance.now();
    // A success of a call that was sent before says nothing of what was mended since; that of the trial does.
    if (this.#trial !== undefined) this.#isMended = false;
  }

  #endTrial(): void {
    this.#trial?.resolve();
    this.#trial = undefined;
  }
}

// One call to a cloud from outside: it waits for the quota, and is made again where the vendor's table says so.
import { setTimeout as sleep } from "node:timers/promises";
import { type CallOrigin, ProviderError } from "../errors.ts";
import type { CallProgress, Quota } from "../quota/quota.ts";
import { QueueFullError } from "../quota/quota.ts";

/** Makes a call within the quota, and again after failures that may pass. */
export type CloudCaller = <T>(call: () => Promise<T>, progress?: CallProgress) => Promise<T>;

export interface CallerOptions {
  readonly quota: Quota;
  readonly origin: CallOrigin;
  /** How long after its first attempt a call may be made again, in milliseconds. */
  readonly retryWithinMs: number;
  /** Told of every attempt that was sent. */
  readonly onAttempt?: (outcome: "answered" | "failed") => void;
  readonly random?: () => number;
}

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
const MAX_ATTEMPTS = 5;

export function createCaller(options: CallerOptions): CloudCaller {
  const { quota, origin, retryWithinMs, onAttempt, random = Math.random } = options;

  return async (call, progress) => {
    let firstSentAt: number | undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await quota.run(() => {
          firstSentAt ??= performance.now();
          return observe(call, onAttempt);
        }, progress);
      } catch (error) {
        if (error instanceof QueueFullError) throw toThrottled(error, origin);
        const delayMs = toBackoffMs(error, attempt, random);
        const elapsedMs = performance.now() - (firstSentAt ?? performance.now());
        if (delayMs === undefined || elapsedMs + delayMs > retryWithinMs) throw error;
        await sleep(delayMs);
      }
    }
  };
}

async function observe<T>(
  call: () => Promise<T>,
  onAttempt: CallerOptions["onAttempt"],
): Promise<T> {
  try {
    const answer = await call();
    onAttempt?.("answered");
    return answer;
  } catch (error) {
    onAttempt?.(error instanceof ProviderError ? "failed" : "answered");
    throw error;
  }
}

/** How long to wait before the next attempt; `undefined` when there should be none. */
function toBackoffMs(error: unknown, attempt: number, random: () => number): number | undefined {
  if (!(error instanceof ProviderError) || !error.isRetryable || attempt >= MAX_ATTEMPTS) {
    return undefined;
  }
  const ceilingMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (attempt - 1));
  // Half of it at random, so that calls that failed together do not come back together.
  return Math.max(error.retryAfterMs ?? 0, ceilingMs * (0.5 + random() / 2));
}

function toThrottled(error: QueueFullError, origin: CallOrigin): ProviderError {
  return new ProviderError("PROVIDER_THROTTLED", {
    origin,
    message: "Too many calls wait for this cloud's quota.",
    retryAfterMs: error.retryAfterMs,
    cause: error,
  });
}

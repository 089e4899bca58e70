// One call to a cloud from outside: it waits for the quota, and is made again where the vendor's table says so.
import { type CallOrigin, ProviderError } from "../errors.ts";
import {
  type CallTicket,
  NotNeededError,
  QueueFullError,
  type QueuePlace,
  type Quota,
} from "../quota/quota.ts";
import type { Circuit } from "./circuit.ts";

/** Whom a call is for, and whether it is still needed when its turn comes. */
export interface CallPurpose {
  /** Read anew for each attempt. */
  readonly tickets: readonly CallTicket[];
  readonly isNeeded?: () => boolean;
}

/** Makes calls of one kind. */
export interface CloudCaller {
  /** Within the quota, and again after failures that may pass. Rejects with `NotNeededError` when it was not made. */
  call<T>(send: () => Promise<T>, purpose: CallPurpose): Promise<T>;
  /** What a call that comes now would wait for the quota, in milliseconds. */
  readonly estimatedWaitMs: number;
}

export interface CallerOptions {
  readonly quota: Quota;
  readonly circuit: Circuit;
  readonly origin: CallOrigin;
  /** How long after its first attempt a call may be made again, in milliseconds. */
  readonly retryWithinMs: number;
  /** Told of every attempt that was sent, and whether it brought what was asked for. */
  readonly onAttempt?: (outcome: AttemptOutcome, isSuccess: boolean) => void;
  readonly random?: () => number;
}

export type AttemptOutcome = "answered" | "throttled" | "failed";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
const MAX_ATTEMPTS = 6;

export function createCaller(options: CallerOptions): CloudCaller {
  const { quota, circuit, origin, retryWithinMs, random = Math.random } = options;

  return {
    get estimatedWaitMs() {
      return quota.use().estimatedWaitMs;
    },

    async call(send, purpose) {
      // Before it waits for the quota, so that what the caller has in reserve can be told at once.
      if (circuit.msUntilAllowed > 0) throw toCircuitOpen(options);
      let firstSentAtMs: number | undefined;
      let lastError: unknown;
      // Once sent, a call is finished: others may count on what it was made for.
      const isNeeded = () => firstSentAtMs !== undefined || (purpose.isNeeded?.() ?? true);
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await quota.run({
            tickets: purpose.tickets,
            isRetry: attempt > 1,
            // What waits for a cloud that fails is told so at once, and takes no slot.
            isNeeded: () => circuit.msUntilAllowed === 0 && isNeeded(),
            send: () => {
              firstSentAtMs ??= performance.now();
              return sendObserved(send, options);
            },
          });
        } catch (error) {
          if (error instanceof QueueFullError) throw toThrottled(error, origin);
          if (error instanceof NotNeededError) {
            if (!isNeeded()) throw error;
            throw lastError ?? toCircuitOpen(options);
          }
          lastError = error;
          const delayMs = toBackoffMs(error, attempt, random);
          const elapsedMs = performance.now() - (firstSentAtMs ?? performance.now());
          if (delayMs === undefined || elapsedMs + delayMs > retryWithinMs) throw error;
          const isThrottled = toOutcome(error) === "throttled";
          await backOff(delayMs, isThrottled ? purpose.tickets : []);
        }
      }
    },
  };
}

/** Those whose tickets are given learn that they wait for the quota still. */
async function backOff(delayMs: number, tickets: readonly CallTicket[]): Promise<void> {
  const endsAtMs = performance.now() + delayMs;
  const place: QueuePlace = {
    // Whoever joins is a requester of the ticket, and so of the next attempt.
    join: () => {},
    estimateWaitMs: () => Math.max(0, endsAtMs - performance.now()),
  };
  for (const ticket of tickets) ticket.moveTo(place);
  await new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
  for (const ticket of tickets) ticket.leave(place);
}

function toCircuitOpen({ circuit, origin }: CallerOptions): ProviderError {
  return new ProviderError("PROVIDER_UNAVAILABLE", {
    origin,
    message: "The cloud keeps failing; it is asked again in a moment.",
    retryAfterMs: circuit.msUntilAllowed,
  });
}

async function sendObserved<T>(send: () => Promise<T>, options: CallerOptions): Promise<T> {
  const { quota, circuit, onAttempt } = options;
  circuit.begin();
  const sentAtMs = performance.now();
  try {
    const answer = await send();
    circuit.succeeded();
    onAttempt?.("answered", true);
    return answer;
  } catch (error) {
    const outcome = toOutcome(error);
    if (outcome === "failed") circuit.failed();
    else circuit.succeeded();
    if (error instanceof ProviderError && outcome === "throttled") {
      quota.slowDown(sentAtMs, error.pauseMs);
    }
    onAttempt?.(outcome, false);
    throw error;
  }
}

function toOutcome(error: unknown): AttemptOutcome {
  if (!(error instanceof ProviderError) || error.isOfOneCertificate) return "answered";
  switch (error.code) {
    case "PROVIDER_THROTTLED":
      return "throttled";
    case "PROVIDER_DENIED":
      return "answered";
    default:
      return "failed";
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

// A caller in front of a quota and a circuit of its own, on the fake clock.
import { ProviderError, type ProviderErrorCode } from "../../src/errors.ts";
import { type AttemptOutcome, createCaller } from "../../src/providers/caller.ts";
import { Circuit } from "../../src/providers/circuit.ts";
import { Denial } from "../../src/providers/denial.ts";
import type { Requester } from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { elapse, passMs } from "../quota/simulated-cloud.ts";

export const origin = { provider: "cloud-product", connection: "default" };
export const live = (): Requester => ({ deadlineMs: Number.POSITIVE_INFINITY });

export function createSetup({
  callsPerSecond = 10,
  maxWaiting = 1000,
  keyDenial = new Denial(),
} = {}) {
  const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond })], maxWaiting });
  const circuit = new Circuit();
  const attempts: AttemptOutcome[] = [];
  const caller = createCaller({
    quota,
    circuit,
    keyDenial,
    origin,
    retryWithinMs: 10_000,
    onAttempt: (outcome) => attempts.push(outcome),
    random: () => 0,
  });
  return { quota, circuit, attempts, caller };
}

export function toError(
  code: ProviderErrorCode,
  more: { pauseMs?: number; retryAfterMs?: number } = {},
) {
  return new ProviderError(code, { origin, message: "no", isRetryable: true, ...more });
}

/** Fails so many times, then answers; tells when each attempt came. */
export function createFlaky(failures: number, error: Error) {
  const sentAtMs: number[] = [];
  const send = async () => {
    sentAtMs.push(performance.now());
    await elapse(20);
    if (sentAtMs.length <= failures) throw error;
    return "answer";
  };
  return { sentAtMs, send };
}

export function observe<T>(promise: Promise<T>) {
  const state: { outcome?: PromiseSettledResult<T>; atMs?: number } = {};
  void Promise.allSettled([promise]).then(([outcome]) => {
    state.outcome = outcome;
    state.atMs = performance.now();
  });
  return state;
}

export async function passAndRead<T>(promise: Promise<T>, ms: number) {
  const state = observe(promise);
  await passMs(ms);
  return state;
}

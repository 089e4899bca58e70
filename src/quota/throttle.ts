// A quota within one process: calls wait in line until every limit that counts them has a free slot.
import { type CallProgress, QueueFullError, type Quota } from "./quota.ts";
import type { SlidingWindow } from "./sliding-window.ts";

export interface ThrottleOptions {
  /** Every limit that counts the calls; windows may be shared with other throttles. */
  readonly windows: readonly SlidingWindow[];
  /** How many calls may wait before further ones are refused. */
  readonly maxWaiting?: number;
}

/** Makes a quota that holds all of `windows`. */
export function createThrottle({ windows, maxWaiting = 20_000 }: ThrottleOptions): Quota {
  const waiting: (() => void)[] = [];
  const callsPerSecond = Math.min(...windows.map((window) => window.callsPerSecond));
  let timer: NodeJS.Timeout | undefined;

  function estimateWaitMs(): number {
    return Math.ceil((waiting.length / callsPerSecond) * 1000);
  }

  function sendAllowed(): void {
    clearTimeout(timer);
    timer = undefined;
    while (waiting.length > 0) {
      const delayMs = Math.max(...windows.map((window) => window.msUntilFree() ?? Infinity));
      if (delayMs > 0) {
        // A window that waits for an answer is looked at again when the answer comes; but the answer may belong
        // to another throttle that shares the window, so look again after a while in any case.
        timer = setTimeout(sendAllowed, Math.min(Math.ceil(delayMs), 250));
        return;
      }
      waiting.shift()?.();
    }
  }

  async function send<T>(call: () => Promise<T>): Promise<T> {
    const slots = windows.map((window) => window.take());
    try {
      return await call();
    } finally {
      for (const slot of slots) slot.answered();
      sendAllowed();
    }
  }

  return {
    run<T>(call: () => Promise<T>, progress?: CallProgress): Promise<T> {
      if (waiting.length >= maxWaiting) {
        return Promise.reject(new QueueFullError(waiting.length, estimateWaitMs()));
      }
      if (progress) progress.estimateWaitMs = estimateWaitMs;
      const { promise, resolve } = Promise.withResolvers<T>();
      waiting.push(() => {
        if (progress) progress.isSent = true;
        resolve(send(call));
      });
      sendAllowed();
      return promise;
    },
  };
}

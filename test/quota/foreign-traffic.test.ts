// Others use a fifth of the same account: few calls are refused, and whoever asks gets an answer. On the fake clock.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { createCaller } from "../../src/providers/caller.ts";
import { Circuit } from "../../src/providers/circuit.ts";
import { CallTicket } from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { createRandom, elapse, passMs, SimulatedCloud, useFakeClock } from "./simulated-cloud.ts";

// Nothing here waits for the real clock, but a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 });

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const origin = { provider: "cloud-product", connection: "default" };

describe("a fifth of the quota used by others", () => {
  it.each([10, 20])("of %d a second leaves no question without its answer", async (limit) => {
    const cloud = new SimulatedCloud({ seed: limit, takesPerSecond: limit });
    const random = createRandom(5);
    const caller = createCaller({
      quota: createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] }),
      circuit: new Circuit(),
      origin,
      retryWithinMs: 10_000,
      random,
    });
    const addForeign = () => {
      cloud.takeForeign();
      setTimeout(addForeign, Math.round((1_000 / (limit * 0.2)) * 2 * random()));
    };
    addForeign();
    const send = () =>
      cloud.call().catch(() => {
        throw new ProviderError("PROVIDER_THROTTLED", {
          origin,
          message: "the cloud refuses the call",
          isRetryable: true,
        });
      });
    let asked = 0;
    let answered = 0;
    const failures: unknown[] = [];
    const ask = async (calls: number) => {
      const requester = { deadlineMs: Number.POSITIVE_INFINITY };
      asked += calls;
      await Promise.all(
        Array.from({ length: calls }, () =>
          caller.call(send, { tickets: [new CallTicket(requester)] }).then(
            () => {
              answered += 1;
            },
            (error: unknown) => failures.push(error),
          ),
        ),
      );
    };
    const keepAsking = async () => {
      for (;;) {
        await ask(limit * 5);
        await elapse(300);
      }
    };
    void keepAsking();
    for (let n = 0; n < 600; n += 1) {
      void ask(1);
      await passMs(1_000);
    }
    expect(failures).toEqual([]);
    expect(cloud.refused / cloud.arrivedAtMs.length).toBeLessThan(0.02);
    // Those of the last questions are still under way.
    expect(answered).toBeGreaterThan(asked - limit * 6);
    expect(answered / (limit * 0.8 * 600)).toBeGreaterThan(0.7);
  });
});

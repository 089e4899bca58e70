// Others use a fifth of the same account: few calls are refused, and whoever asks gets an answer. On the fake clock.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCaller } from "../../src/providers/caller.ts";
import { Circuit } from "../../src/providers/circuit.ts";
import { CallTicket } from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { askBesideForeignTraffic, origin, toRefusal } from "./foreign-traffic.ts";
import { createRandom, passMs, SimulatedCloud, useFakeClock } from "./simulated-cloud.ts";

// Nothing here waits for the real clock, but a busy machine may take its time.
vi.setConfig({ testTimeout: 120_000 });

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("a fifth of the quota used by others", () => {
  it.each([
    [10, 600],
    [20, 600],
    [300, 120],
  ])("of %d a second leaves no question without its answer", async (limit, seconds) => {
    const cloud = new SimulatedCloud({ seed: limit, takesPerSecond: limit });
    const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
    const { asked, answered, failures } = await askBesideForeignTraffic({
      cloud,
      limit,
      quotas: [quota],
      seconds,
      pass: passMs,
    });
    expect(failures).toEqual([]);
    expect(cloud.refused / cloud.arrivedAtMs.length).toBeLessThan(0.02);
    // Those of the last questions are still under way.
    expect(answered).toBeGreaterThan(asked - limit * 6);
    expect(answered / (limit * 0.8 * seconds)).toBeGreaterThan(0.7);
  });
});

describe("a cloud that refuses three calls of ten, whatever is sent", () => {
  it.each([10, 20])(
    "in time answers most of the questions that take two fifths of %d a second",
    async (limit) => {
      const random = createRandom(limit);
      const cloud = new SimulatedCloud({ seed: limit, takesPerSecond: limit });
      const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond: limit })] });
      const caller = createCaller({
        quota,
        circuit: new Circuit(),
        origin,
        retryWithinMs: 4_000,
        random,
      });
      const send = async () => {
        await cloud.call();
        if (random() < 0.3) throw toRefusal();
      };
      let asked = 0;
      let answered = 0;
      const ask = async () => {
        asked += 1;
        const requester = { deadlineMs: performance.now() + 4_000 };
        await caller.call(send, { tickets: [new CallTicket(requester)] });
        if (performance.now() < requester.deadlineMs) answered += 1;
      };
      for (let n = 0; n < 60 * limit * 0.4; n += 1) {
        void ask().catch(() => {});
        await passMs(1_000 / (limit * 0.4));
      }
      // Those of the last questions are still under way.
      expect(answered / asked).toBeGreaterThan(0.6);
    },
  );
});

// Others use a fifth of the same account: few calls are refused, and whoever asks gets an answer. On the fake clock.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { askBesideForeignTraffic } from "./foreign-traffic.ts";
import { passMs, SimulatedCloud, useFakeClock } from "./simulated-cloud.ts";

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

// Others use a fifth of an account whose quota four replicas share. On the fake clock.
import { describe, expect, it } from "vitest";
import { askBesideForeignTraffic } from "../quota/foreign-traffic.ts";
import { SimulatedCloud } from "../quota/simulated-cloud.ts";
import { openWorldForEachTest } from "./clocked-replicas.ts";

const world = openWorldForEachTest();

describe("a fifth of a quota of four replicas used by others", () => {
  it.each([
    [10, 200],
    [20, 120],
    [300, 60],
  ])("of %d a second leaves no question without its answer", async (limit, seconds) => {
    const replicas = await world().startAll(4, limit);
    const cloud = new SimulatedCloud({ seed: limit, takesPerSecond: limit });
    const { asked, answered, failures } = await askBesideForeignTraffic({
      cloud,
      limit,
      quotas: replicas.map(({ quota }) => quota),
      seconds,
      pass: (ms) => world().pass(ms),
    });
    expect(failures).toEqual([]);
    expect(cloud.refused / cloud.arrivedAtMs.length).toBeLessThan(0.02);
    // Those of the last questions are still under way, of each replica.
    expect(answered).toBeGreaterThan(asked - limit * 6 * 4);
    expect(answered / (limit * 0.8 * seconds)).toBeGreaterThan(0.7);
  });
});

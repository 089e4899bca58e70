// Redis is lost sight of at any moment, and back at any other: the quota holds, and calls go on. The clock is not the machine's.
import { describe, expect, it } from "vitest";
import { createRandom } from "../quota/simulated-cloud.ts";
import { openWorldForEachTest, toModes } from "./clocked-replicas.ts";

const MUCH = 20_000;

const world = openWorldForEachTest();

describe.each([10, 20, 60])("a quota of %d a second", (limit) => {
  it("goes on nearly without a pause whenever Redis is killed: each replica uses what is its own", async () => {
    const replicas = await world().startAll(4, limit);
    for (const replica of replicas) replica.ask(MUCH);
    for (const phaseMs of [0, 300, 600, 900]) {
      await world().pass(4_000 + phaseMs);
      const killedAtMs = performance.now();
      await world().killRedis();
      await world().pass(3_000);
      expect(toModes(replicas)).toEqual(["alone", "alone", "alone", "alone"]);
      expect(
        world().arrived.findPauseMs(killedAtMs - 1_000, killedAtMs + 3_000),
      ).toBeLessThanOrEqual(800);
      const used = world().arrived.countArrived(killedAtMs, killedAtMs + 3_000);
      expect(used).toBeGreaterThanOrEqual(0.75 * limit * 3);
      await world().restartRedis();
    }
    await world().pass(3_000);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(limit);
  });
});

describe("a quota of ten a second", () => {
  it("is kept when one replica alone loses its connection for a moment, and nobody waits for it", async () => {
    const replicas = await world().startAll(4, 10);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(3_000);
    for (const { replicas: one } of replicas) {
      one.redis.client.disconnect();
      await world().pass(300);
      await one.redis.client.connect();
      await world().pass(2_570);
    }
    expect(toModes(replicas)).toEqual(["together", "together", "together", "together"]);
    expect(world().arrived.findPauseMs(3_000, performance.now())).toBeLessThanOrEqual(1_050);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(10);
  });

  it("stands not still where Redis is killed again when the replicas are about to join", async () => {
    const replicas = await world().startAll(4, 10);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(3_000);
    const killedAtMs = performance.now();
    await world().killRedis();
    for (const backMs of [80, 300, 550]) {
      await world().pass(2_000);
      await world().restartRedis();
      await world().pass(backMs);
      await world().killRedis();
    }
    await world().pass(3_000);
    expect(toModes(replicas)).toEqual(["alone", "alone", "alone", "alone"]);
    expect(world().arrived.findPauseMs(killedAtMs, performance.now())).toBeLessThanOrEqual(1_100);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(10);
  });
});

describe("whatever becomes of Redis", () => {
  it.each([13, 14, 19, 20, 28, 40])("no quota is exceeded (outages of seed %d)", async (seed) => {
    const random = createRandom(seed);
    const limit = [10, 20, 60][seed % 3] ?? 10;
    const replicas = await world().startAll(2 + Math.floor(random() * 3), limit);
    for (const replica of replicas) if (random() < 0.8) replica.ask(3_000);
    await world().pass(1_000 + random() * 3_000);
    for (let outages = 0; outages < 8; outages += 1) {
      const lastsMs = random() * (random() < 0.4 ? 700 : 3_500);
      if (random() < 0.7) {
        await world().killRedis();
        await world().pass(lastsMs);
        await world().restartRedis();
      } else {
        world().isHanging = true;
        await world().pass(lastsMs);
        world().isHanging = false;
      }
      await world().pass(random() * (random() < 0.4 ? 1_000 : 5_000));
    }
    await world().pass(3_000);
    expect(world().arrived.mostArrivedIn(1_000)).toBeLessThanOrEqual(limit);
  });
});

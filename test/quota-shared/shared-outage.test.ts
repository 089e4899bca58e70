// What happens to a quota that replicas share while Redis is killed, hanging, emptied or away. The clock is not the machine's.
import { Redis } from "ioredis";
import { describe, expect, it } from "vitest";
import { openWorldForEachTest, toModes } from "./clocked-replicas.ts";

const MUCH = 100_000;

const world = openWorldForEachTest();

describe.each([10, 300])("a quota of %d a second while Redis", (limit) => {
  it("is killed for three seconds: a pause, then all goes on, and is back soon after it is", async () => {
    const replicas = await world().startAll(4, limit);
    for (const replica of replicas) replica.ask(MUCH / 10);
    await world().pass(3_000);
    const killedAtMs = performance.now();
    await world().killRedis();
    await world().pass(3_000);
    expect(toModes(replicas)).toEqual(["alone", "alone", "alone", "alone"]);
    const aloneMs = killedAtMs + 1_050;
    expect(world().arrived.countArrived(aloneMs, killedAtMs + 3_000)).toBeGreaterThanOrEqual(
      0.8 * limit * 1.8 - 1,
    );
    const backAtMs = performance.now();
    await world().restartRedis();
    await world().pass(23_000);
    expect(toModes(replicas)).toEqual(["together", "together", "together", "together"]);
    expect(
      world().arrived.countArrived(backAtMs + 3_000, backAtMs + 23_000),
    ).toBeGreaterThanOrEqual(0.93 * limit * 20);
    // Nobody rests when it is back: each brings the slots of its part along.
    expect(world().arrived.findPauseMs(backAtMs, backAtMs + 5_000)).toBeLessThanOrEqual(1_050);
    expect(world().arrived.countArrived(backAtMs, backAtMs + 4_000)).toBeGreaterThanOrEqual(
      0.93 * limit * 4,
    );
    expect(world().arrived.mostArrivedIn(1_000)).toBe(limit);
    // What was on its way when it was killed still arrives.
    const goesOnAtMs = world().arrived.arrivedAtMs.find((ms) => ms > killedAtMs + 60);
    expect(goesOnAtMs).toBeLessThanOrEqual(killedAtMs + 1_200);
  });
});

describe("a quota of twenty a second while Redis", () => {
  it("is killed is the others' when it is back, where one replica ended meanwhile", async () => {
    const replicas = await world().startAll(4, 20);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(2_000);
    await world().killRedis();
    await world().pass(2_000);
    replicas[0]?.kill();
    await world().pass(1_000);
    const backAtMs = performance.now();
    await world().restartRedis();
    await world().pass(8_000);
    const used = world().arrived.countArrived(backAtMs + 3_000, backAtMs + 8_000);
    expect(used).toBeGreaterThanOrEqual(0.9 * 20 * 5);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("is away again before all have come back is never exceeded", async () => {
    const replicas = await world().startAll(4, 20);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(2_000);
    await world().killRedis();
    await world().pass(3_000);
    for (const backMs of [300, 900, 1_300, 2_000]) {
      await world().restartRedis();
      await world().pass(backMs);
      await world().killRedis();
      await world().pass(1_700);
    }
    await world().restartRedis();
    await world().pass(5_000);
    expect(toModes(replicas)).toEqual(["together", "together", "together", "together"]);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("hangs goes on in parts, and together when Redis answers again", async () => {
    const replicas = await world().startAll(3, 20);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(2_000);
    world().isHanging = true;
    await world().pass(4_000);
    expect(toModes(replicas)).toEqual(["alone", "alone", "alone"]);
    const aloneMs = performance.now();
    await world().pass(5_000);
    expect(world().arrived.countArrived(aloneMs, aloneMs + 5_000)).toBeGreaterThanOrEqual(80);
    world().isHanging = false;
    await world().pass(5_000);
    expect(toModes(replicas)).toEqual(["together", "together", "together"]);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("is emptied believes no fresh count", async () => {
    const replicas = await world().startAll(2, 20);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(2_010);
    const cleaner = new Redis(world().url);
    await cleaner.flushall();
    cleaner.disconnect();
    await world().pass(10_000);
    expect(toModes(replicas)).toEqual(["together", "together"]);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
    expect(world().arrived.findPauseMs(performance.now() - 5_000, performance.now())).toBeLessThan(
      1_000,
    );
  });

  it("drops the count of one quota believes no fresh count either", async () => {
    const replicas = await world().startAll(2, 20);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(2_010);
    const cleaner = new Redis(world().url);
    expect(await cleaner.del("test:{quota}:Action:account:slots")).toBe(1);
    cleaner.disconnect();
    await world().pass(10_000);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
    expect(world().arrived.findPauseMs(performance.now() - 5_000, performance.now())).toBeLessThan(
      1_000,
    );
  });

  it("was never there takes a part, and stands not still", async () => {
    await world().killRedis();
    const replica = await world().start(20);
    replica.ask(MUCH);
    await world().pass(5_000);
    expect(toModes([replica])).toEqual(["alone"]);
    expect(world().arrived.arrivedAtMs.length).toBeGreaterThanOrEqual(12);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(5);
  });

  it("is away parts it without a rest: ten slots among four are three, three, two and two", async () => {
    const replicas = await world().startAll(4, 10);
    await world().killRedis();
    await world().pass(3_000);
    for (const replica of replicas) replica.ask(MUCH);
    await world().pass(900);
    expect(world().countEach(0, Number.POSITIVE_INFINITY).toSorted()).toEqual([2, 2, 3, 3]);
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startRedis, type TestRedis } from "../support/redis.ts";
import {
  CountingCloud,
  createTestReplica,
  type TestReplica,
  untilMode,
} from "./replicas-in-one-process.ts";

const ONE_WAY_MS = 15;

let redis: TestRedis;
let cloud: CountingCloud;
let replicas: TestReplica[];

beforeEach(async () => {
  redis = await startRedis();
  cloud = new CountingCloud(ONE_WAY_MS);
  replicas = [];
});

afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.close()));
  await redis.close();
});

async function startReplicas(count: number, callsPerSecond: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    replicas.push(createTestReplica({ url: redis.url, cloud, callsPerSecond, number }));
  }
  await untilMode(replicas, "together");
  // The first slots of an epoch rest until nobody counts alone any more.
  await sleep(1_300);
}

function loadAll(calls: number): void {
  for (const replica of replicas) replica.load(calls);
}

describe("a quota that replicas share", () => {
  it("is used by all together, never exceeded, and parted evenly", async () => {
    await startReplicas(4, 20);
    loadAll(40);
    const startedAtMs = performance.now();
    await sleep(5_000);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(20);
    expect(cloud.countBetween(startedAtMs, startedAtMs + 5_000)).toBeGreaterThanOrEqual(75);
    const counts = cloud.countsByReplica(startedAtMs);
    expect(Math.max(...counts) / Math.min(...counts)).toBeLessThan(1.35);
  });

  it("is all there for a replica that alone has something to do", async () => {
    await startReplicas(3, 20);
    replicas[1]?.load(40);
    const startedAtMs = performance.now();
    await sleep(3_000);
    expect(cloud.countBetween(startedAtMs, startedAtMs + 3_000)).toBeGreaterThanOrEqual(50);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(20);
  });

  it("is parted with a replica that comes later, and given back by one that leaves", async () => {
    await startReplicas(1, 20);
    loadAll(40);
    await sleep(1_000);
    const late = createTestReplica({ url: redis.url, cloud, callsPerSecond: 20, number: 1 });
    replicas.push(late);
    late.load(40);
    await sleep(3_000);
    const since = performance.now();
    await sleep(2_000);
    const [first = 0, second = 0] = cloud.countsByReplica(since);
    expect(second).toBeGreaterThanOrEqual(first * 0.7);
    await replicas.shift()?.close();
    await sleep(1_500);
    const alone = performance.now();
    await sleep(2_000);
    expect(cloud.countBetween(alone, alone + 2_000)).toBeGreaterThanOrEqual(34);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(20);
  });

  it("costs few commands", async () => {
    await startReplicas(2, 20);
    const monitor = new Redis(redis.url);
    const count = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await monitor.info("commandstats"))?.[1]);
    const before = await count();
    loadAll(40);
    const startedAtMs = performance.now();
    await sleep(3_000);
    const commands = (await count()) - before;
    monitor.disconnect();
    expect(commands / cloud.countBetween(startedAtMs, performance.now())).toBeLessThan(3);
  });

  it("stores no account and no more than it needs", async () => {
    await startReplicas(1, 20);
    loadAll(5);
    await sleep(300);
    const reader = new Redis(redis.url);
    const keys = (await reader.keys("*")).sort();
    reader.disconnect();
    expect(keys.filter((key) => key.includes("Action"))).toEqual([
      "test:{quota}:Action:account:slots",
    ]);
    expect(keys.every((key) => key.startsWith("test:"))).toBe(true);
  });
});

describe("when Redis fails", () => {
  it("is killed: replicas rest for a second, go on with their parts, and come back", async () => {
    await startReplicas(4, 20);
    loadAll(80);
    await sleep(1_500);
    const killedAtMs = performance.now();
    await redis.kill();
    await sleep(3_000);
    // A second of rest, then two rounds of 4 times 5 calls.
    expect(cloud.countBetween(killedAtMs + 500, killedAtMs + 1_000)).toBe(0);
    expect(cloud.countBetween(killedAtMs + 1_000, killedAtMs + 3_000)).toBeGreaterThanOrEqual(30);
    expect(replicas.map(({ replicas: { mode } }) => mode)).toEqual(Array(4).fill("alone"));
    await redis.restart();
    await untilMode(replicas, "together");
    await sleep(1_500);
    const backAtMs = performance.now();
    await sleep(2_000);
    expect(cloud.countBetween(backAtMs, backAtMs + 2_000)).toBeGreaterThanOrEqual(34);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(20);
  });

  it("hangs: replicas notice, go on alone, and come back when it answers again", async () => {
    await startReplicas(3, 20);
    loadAll(80);
    await sleep(1_500);
    redis.pause();
    await untilMode(replicas, "alone");
    const aloneAtMs = performance.now();
    await sleep(2_000);
    expect(cloud.countBetween(aloneAtMs, aloneAtMs + 2_000)).toBeGreaterThanOrEqual(24);
    redis.resume();
    await untilMode(replicas, "together");
    await sleep(2_000);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(20);
  });

  it("is emptied: nobody believes its fresh count", async () => {
    await startReplicas(2, 20);
    loadAll(80);
    await sleep(1_500);
    const cleaner = new Redis(redis.url);
    await cleaner.flushall();
    cleaner.disconnect();
    await untilMode(replicas, "resting");
    await untilMode(replicas, "together");
    await sleep(3_000);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(20);
  });

  it("was never there: a replica takes a part, and stands not still", async () => {
    await redis.kill();
    const replica = createTestReplica({ url: redis.url, cloud, callsPerSecond: 20, number: 0 });
    replicas.push(replica);
    replica.load(40);
    await untilMode(replicas, "alone");
    const startedAtMs = performance.now();
    await sleep(2_000);
    expect(cloud.countBetween(startedAtMs, startedAtMs + 2_000)).toBeGreaterThanOrEqual(8);
    expect(cloud.mostInAnySecond).toBeLessThanOrEqual(5);
  });
});

// The promise of a quota that replicas share, on a fake clock: counts and times are those of the design, not of this machine.
import { describe, expect, it } from "vitest";
import type { CallTicket } from "../../src/quota/quota.ts";
import { openWorldForEachTest } from "./clocked-replicas.ts";

const world = openWorldForEachTest();

/** Of the replicas that made calls at all. */
function toRatio(counts: readonly number[]): number {
  return Math.max(...counts) / Math.min(...counts);
}

const MUCH = 100_000;

describe("a quota that four replicas share", () => {
  it.each([
    [10, 5],
    [20, 3],
    [300, 0.5],
  ])(
    "of %d a second is used from the first second on, never exceeded, parted evenly, at %d commands a call at most",
    async (limit, commands) => {
      const replicas = await world().startAll(4, limit);
      const startedAtMs = performance.now();
      const before = world().executed;
      for (const replica of replicas) replica.ask(limit * 10);
      await world().pass(12_000);
      const { arrived } = world();
      for (const second of [0, 2, 4, 6]) {
        const fromMs = startedAtMs + second * 1_000 + 100;
        expect(arrived.countArrived(fromMs - 100, fromMs + 4_000)).toBeGreaterThan(
          0.93 * 4 * limit,
        );
        expect(toRatio(world().countEach(fromMs - 100, fromMs + 4_000))).toBeLessThanOrEqual(1.3);
      }
      expect(arrived.mostArrivedIn(1_000)).toBe(limit);
      // Readings and claims cost up to one and a half more where calls come one by one.
      const own = limit < 50 ? 1.5 : 0.1;
      expect((world().executed - before) / arrived.arrivedAtMs.length).toBeLessThan(commands - own);
    },
  );

  it("is all there at once for a replica that alone has something to do", async () => {
    const [busy] = await world().startAll(4, 20);
    const startedAtMs = performance.now();
    busy?.ask(MUCH);
    await world().pass(10_000);
    const used = world().arrived.countArrived(startedAtMs, startedAtMs + 10_000);
    expect(used).toBeGreaterThanOrEqual(0.93 * 200);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("is parted with a replica that has more to do than before, at once", async () => {
    const [one, other] = await world().startAll(2, 20);
    one?.ask(MUCH);
    await world().pass(5_000);
    const sinceMs = performance.now();
    other?.ask(MUCH);
    await world().pass(5_000);
    expect(toRatio(world().countEach(sinceMs, sinceMs + 5_000))).toBeLessThanOrEqual(1.3);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("is parted evenly soon also where one replica came first and took all there was", async () => {
    const [first, ...others] = await world().startAll(4, 300);
    const startedAtMs = performance.now();
    first?.ask(MUCH);
    await world().pass(400);
    for (const replica of others) replica.ask(MUCH);
    await world().pass(9_600);
    for (const second of [5, 6, 7, 8, 9, 10]) {
      const counts = world().countEach(startedAtMs, startedAtMs + second * 1_000);
      expect(toRatio(counts)).toBeLessThanOrEqual(1.3);
    }
    expect(world().arrived.countArrived(startedAtMs, startedAtMs + 10_000)).toBeGreaterThan(2_790);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(300);
  });

  it("goes on with those that are left when one leaves in order", async () => {
    const [leaving, ...others] = await world().startAll(3, 20);
    leaving?.ask(MUCH);
    for (const replica of others) replica.ask(MUCH);
    await world().pass(3_000);
    const left = leaving?.leave();
    await world().pass(1_500);
    await left;
    const sinceMs = performance.now();
    await world().pass(20_000);
    expect(world().arrived.countArrived(sinceMs, sinceMs + 20_000)).toBeGreaterThanOrEqual(372);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("answers a question about one device within 600 ms, whichever replica is asked", async () => {
    const replicas = await world().startAll(4, 10);
    for (const replica of replicas) replica.ask(400);
    await world().pass(1_000);
    const tookMs: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      void replicas[n % 4]?.askOne().then((ms) => tookMs.push(ms));
      await world().pass(400 + ((n * 37) % 300));
    }
    await world().pass(1_000);
    expect(tookMs).toHaveLength(40);
    expect(Math.max(...tookMs)).toBeLessThan(600);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(10);
  });

  it("tells of each call a time by which it is sent, and not one long after", async () => {
    const replicas = await world().startAll(4, 10);
    const tickets = replicas.flatMap((replica) => replica.ask(50));
    const told = new Map<CallTicket, number[]>(tickets.map((ticket) => [ticket, []]));
    const errorsMs: number[] = [];
    const stepMs = 25;
    for (let step = 1; told.size > 0; step += 1) {
      await world().pass(stepMs);
      for (const [ticket, byMs] of told) {
        if (ticket.isSent) {
          errorsMs.push(...byMs.map((ms) => performance.now() - ms));
          told.delete(ticket);
        } else if (step % 40 === 20) {
          byMs.push(performance.now() + ticket.estimateWaitMs());
        }
      }
    }
    expect(errorsMs.length).toBeGreaterThan(1_000);
    expect(Math.max(...errorsMs)).toBeLessThanOrEqual(stepMs);
    expect(Math.min(...errorsMs)).toBeGreaterThan(-3_000);
  });

  it("tells what all replicas together used in the last second, also where one is idle", async () => {
    const [idle, ...busy] = await world().startAll(4, 20);
    for (const replica of busy) replica.ask(MUCH);
    await world().pass(5_000);
    const looked = idle?.quota.look();
    await world().pass(10);
    await looked;
    const used = world().arrived.countArrived(performance.now() - 1_000, performance.now());
    expect(Math.abs((idle?.quota.use().usedInLastSecond ?? 0) - used)).toBeLessThanOrEqual(3);
  });
});

describe("a replica that is killed", () => {
  it("has its calls counted, and its slots come back, also when it held all of them", async () => {
    const [killed, other] = await world().startAll(2, 20);
    killed?.ask(MUCH);
    await world().pass(3_010);
    killed?.kill();
    const killedAtMs = performance.now();
    other?.ask(MUCH);
    await world().pass(9_000);
    // Its part stays aside for ten seconds, for it may be alive and counting on its own.
    expect(world().arrived.countArrived(killedAtMs + 5_000, killedAtMs + 9_000)).toBeGreaterThan(
      35,
    );
    await world().pass(25_000);
    const endMs = performance.now();
    expect(world().arrived.countArrived(endMs - 20_000, endMs)).toBeGreaterThanOrEqual(372);
    expect(world().arrived.mostArrivedIn(1_000)).toBe(20);
  });

  it("again and again, soon after each start, never makes all together exceed the quota", async () => {
    const [steady] = await world().startAll(1, 20);
    steady?.ask(MUCH);
    for (let n = 0; n < 8; n += 1) {
      const replica = await world().start(20);
      replica.ask(MUCH);
      await world().pass(200 + 150 * n);
      replica.kill();
    }
    await world().pass(3_000);
    expect(world().arrived.mostArrivedIn(1_000)).toBeLessThanOrEqual(20);
    expect(
      world()
        .countEach(0, Number.POSITIVE_INFINITY)
        .slice(1)
        .some((count) => count > 0),
    ).toBe(true);
  });
});

// Redis is a help, never a condition: what happens to answers while it is killed, hanging, restarted or away.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startRedis, type TestRedis } from "../support/redis.ts";
import {
  findClaims,
  type Replica,
  ScriptedSharedCloud,
  startReplica,
  toReadingKey,
} from "./shared-replicas.ts";

/** What src/redis.ts allows a command, and some time for a busy machine. */
const ONE_TIME_LIMIT_MS = 250 + 250;

let redis: TestRedis;
let cloud: ScriptedSharedCloud;
let one: Replica;
let other: Replica;

beforeEach(async () => {
  redis = await startRedis();
  cloud = new ScriptedSharedCloud();
  one = await startReplica("one", { redis, cloud });
  other = await startReplica("other", { redis, cloud });
});

afterEach(async () => {
  cloud.open();
  one.kill();
  other.kill();
  await redis.close();
});

const untilUp = (isUp: boolean) =>
  vi.waitFor(() => expect([one.redis.isUp, other.redis.isUp]).toEqual([isUp, isUp]), 5_000);

const untilAwaited = (certificateId: string) =>
  vi.waitFor(async () =>
    expect(await findClaims(one.redis, certificateId)).toContainEqual(
      expect.stringMatching(/^\d+ \d 1$/),
    ),
  );

let asked = 0;
/** An id that was not asked for before. */
const nextId = () => {
  asked += 1;
  return `id${asked}`;
};

const untilShared = () =>
  vi.waitFor(
    async () => {
      const id = nextId();
      const key = toReadingKey(id);
      await Promise.all(one.ask([id]));
      await vi.waitFor(async () => expect(await one.redis.client.exists(key)).toBe(1), 500);
      await Promise.all(other.ask([id]));
      expect(cloud.asked().filter((each) => each === id)).toEqual([id]);
    },
    { timeout: 5_000 },
  );

async function measureMs(ask: () => Promise<unknown>): Promise<number> {
  const sinceMs = performance.now();
  await ask();
  return performance.now() - sinceMs;
}

describe("while Redis is killed", () => {
  it("every replica answers by itself, at once, from its own calls and its own cache", async () => {
    await Promise.all(one.ask(["before"]));
    await redis.kill();
    await untilUp(false);
    const id = nextId();
    expect(await measureMs(() => Promise.all(one.ask([id, "before"])))).toBeLessThan(100);
    expect(await measureMs(() => Promise.all(other.ask([id])))).toBeLessThan(100);
    await Promise.all([...one.ask([id]), ...other.ask([id])]);
    expect(cloud.asked().filter((each) => each === id)).toEqual([id, id]);
    expect(cloud.asked("one")).toEqual(["before", id]);
  });

  it("what was being waited for from another replica is read by the one that waits", async () => {
    cloud.close();
    const first = one.ask(["a", "b"]);
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const second = other.ask(["a", "b"]);
    await untilAwaited("b");
    await redis.kill();
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(2), 3_000);
    cloud.open();
    await Promise.all([...first, ...second]);
    expect(cloud.calls.map(({ certificateIds }) => certificateIds)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  it("a question on its way to it is answered all the same", async () => {
    const id = nextId();
    const answer = one.ask([id]);
    await Promise.all([redis.kill(), ...answer]);
    expect(await answer[0]).toMatchObject({ stale: false });
  });

  it("a failure of the cloud is the only error that a caller sees", async () => {
    await redis.kill();
    cloud.answer = () => {
      throw new Error("of the cloud");
    };
    await expect(one.ask([nextId()])[0]).rejects.toThrow("of the cloud");
  });

  it("and sharing goes on as soon as it is back, empty, without a restart", async () => {
    await untilShared();
    await redis.kill();
    await untilUp(false);
    await Promise.all([...one.ask([nextId()]), ...other.ask([nextId()])]);
    await redis.restart();
    await untilUp(true);
    await untilShared();
  });

  it("calls in flight are the others' to wait for again once it is back", async () => {
    cloud.close();
    const first = one.ask(["long"]);
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    await redis.restart();
    await untilUp(true);
    await vi.waitFor(
      async () => expect(await findClaims(one.redis, "long")).toHaveLength(1),
      3_000,
    );
    const second = other.ask(["long"]);
    await untilAwaited("long");
    cloud.open();
    await Promise.all([...first, ...second]);
    expect(cloud.calls).toHaveLength(1);
  });
});

describe("while Redis hangs", () => {
  it("a replica waits for it once, for one time limit, and then no more", async () => {
    // What a replica did before: connections are made, scripts are known.
    await untilShared();
    redis.pause();
    const waits: number[] = [];
    for (let question = 0; question < 10; question += 1) {
      waits.push(await measureMs(() => Promise.all(one.ask([nextId()]))));
    }
    expect(waits[0]).toBeLessThan(ONE_TIME_LIMIT_MS);
    for (const waitMs of waits.slice(1)) expect(waitMs).toBeLessThan(100);
  });

  it("questions that come together wait together", async () => {
    redis.pause();
    const ms = await measureMs(() =>
      Promise.all(Array.from({ length: 20 }, () => one.ask([nextId()])).flat()),
    );
    expect(ms).toBeLessThan(ONE_TIME_LIMIT_MS);
    expect(cloud.calls).toHaveLength(1);
  });

  it("and sharing goes on once it answers again", async () => {
    redis.pause();
    await Promise.all([...one.ask([nextId()]), ...other.ask([nextId()])]);
    redis.resume();
    await untilShared();
  });
});

describe("a replica that starts without Redis", () => {
  it("answers, and shares from the moment at which it is there", async () => {
    one.kill();
    await redis.kill();
    const starting = startReplica("one", { redis, cloud, isRedisAway: true });
    one = await starting;
    await Promise.all(one.ask([nextId()]));
    await redis.restart();
    await untilUp(true);
    await untilShared();
    // It hears the others too.
    cloud.close();
    const first = other.ask(["heard"]);
    await vi.waitFor(() => expect(cloud.asked("other")).toContain("heard"));
    const second = one.ask(["heard"]);
    await untilAwaited("heard");
    const settled = Promise.all([...first, ...second]);
    cloud.open();
    await settled;
    expect(cloud.asked().filter((id) => id === "heard")).toHaveLength(1);
  });
});

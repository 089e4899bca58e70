import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import {
  findClaims,
  KEY_PREFIX,
  type Replica,
  type ReplicaOptions,
  ScriptedSharedCloud,
  startReplica,
  toReading,
  toReadingKey,
} from "./shared-replicas.ts";

let redis: TestRedis;
let cloud: ScriptedSharedCloud;
let replicas: Replica[];

beforeEach(async () => {
  redis = await startRedis();
  cloud = new ScriptedSharedCloud();
  replicas = [];
});

afterEach(async () => {
  cloud.open();
  for (const replica of replicas) replica.kill();
  await redis.close();
});

async function start(name: string, options: Partial<ReplicaOptions> = {}): Promise<Replica> {
  const replica = await startReplica(name, { redis, cloud, ...options });
  replicas.push(replica);
  return replica;
}

const untilStored = async (certificateId: string) => {
  const key = toReadingKey(certificateId);
  await vi.waitFor(async () => expect(await replicas[0]?.redis.client.exists(key)).toBe(1));
};

const untilAwaited = async (certificateId: string) => {
  const [{ redis: connection } = { redis: undefined }] = replicas;
  if (connection === undefined) throw new Error("no replica was started");
  await vi.waitFor(async () =>
    expect(await findClaims(connection, certificateId)).toContainEqual(
      expect.stringMatching(/^\d+ \d 1$/),
    ),
  );
};

const toFailure = () =>
  new ProviderError("PROVIDER_UNAVAILABLE", {
    origin: { provider: "tencent-ssl", connection: "default" },
    message: "The cloud could not be reached.",
  });

describe("what one replica has read", () => {
  it("is answered by the others without a call, with the time at which it was read", async () => {
    const [one, other] = [await start("one"), await start("other")];
    const [read] = await Promise.all(one.ask(["a"]));
    await untilStored("a");
    const [answered] = await Promise.all(other.ask(["a"]));
    expect(answered).toEqual(read);
    expect(answered).toMatchObject({ stale: false, facts: { domain: "a.example" } });
    expect(cloud.calls).toHaveLength(1);
  });

  it("is answered also when it was that there is no such certificate", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.answer = () => null;
    await Promise.all(one.ask(["nowhere"]));
    await untilStored("nowhere");
    expect(await Promise.all(other.ask(["nowhere"]))).toMatchObject([
      { facts: null, stale: false },
    ]);
    expect(cloud.calls).toHaveLength(1);
  });

  it("is asked of the store once, and of this replica's own cache from then on", async () => {
    const [one, other] = [await start("one"), await start("other")];
    await Promise.all(one.ask(["a"]));
    await untilStored("a");
    await Promise.all(other.ask(["a"]));
    const lookUp = vi.spyOn(other.redis, "run");
    await Promise.all(other.ask(["a"]));
    expect(lookUp).not.toHaveBeenCalled();
  });

  it("counts as old as it is, whichever replica answers", async () => {
    const one = await start("one", { freshSeconds: 0.5 });
    const [read] = await Promise.all(one.ask(["a"]));
    await untilStored("a");
    const other = await start("other", { freshSeconds: 0.5 });
    await vi.waitFor(async () => {
      const [answered] = await Promise.all(other.ask(["a"]));
      expect(answered?.fetchedAt).not.toEqual(read?.fetchedAt);
    });
    expect(cloud.asked()).toEqual(["a", "a"]);
  });

  it("is served as stale, marked so, by a replica that has never read it, while the cloud is down", async () => {
    const one = await start("one", { freshSeconds: 0.1 });
    const other = await start("other", { freshSeconds: 0.1 });
    const [read] = await Promise.all(one.ask(["a"]));
    await untilStored("a");
    cloud.answer = () => {
      throw toFailure();
    };
    await vi.waitFor(async () => {
      const [answered] = await Promise.all(other.ask(["a"]));
      expect(answered).toEqual({ ...read, stale: true });
    });
  });

  it("is gone from the store when it may not even be served as stale", async () => {
    const one = await start("one", { freshSeconds: 10 });
    await Promise.all(one.ask(["a"]));
    await untilStored("a");
    const leftMs = await one.redis.client.pttl(toReadingKey("a"));
    expect(leftMs).toBeGreaterThan(3_600_000);
    expect(leftMs).toBeLessThanOrEqual(3_610_000);
  });

  it("is read anew when this version of the software cannot read what is stored", async () => {
    const one = await start("one");
    await Promise.all(one.ask(["a", "b", "c"]));
    for (const id of ["a", "b", "c"]) await untilStored(id);
    const stored = (await one.redis.client.get(toReadingKey("b"))) ?? "";
    await one.redis.client.set(toReadingKey("a"), "of another kind");
    await one.redis.client.set(toReadingKey("b"), stored.replace('"alias":', '"nickname":'));
    await one.redis.client.set(toReadingKey("c"), stored.replace(/\{.*/, "{not JSON"));
    const other = await start("other");
    const answers = await Promise.all(other.ask(["a", "b", "c"]));
    expect(answers.map(({ facts }) => facts !== null)).toEqual([true, true, true]);
    expect(cloud.asked("other")).toEqual(["a", "b", "c"]);
  });
});

describe("what one replica is reading", () => {
  it("is waited for by the others, and answered to all from one call", async () => {
    const started = [await start("one"), await start("two"), await start("three")];
    const [one, ...others] = started;
    cloud.close();
    const first = one?.ask(["a", "b"]) ?? [];
    await vi.waitFor(() => expect(cloud.asked()).toEqual(["a", "b"]));
    const later = others.map((replica) => replica.ask(["b", "a"]));
    await untilAwaited("a");
    cloud.open();
    const [a, b] = await Promise.all(first);
    for (const answers of later) expect(await Promise.all(answers)).toEqual([b, a]);
    expect(cloud.calls).toHaveLength(1);
  });

  it("is read once when all replicas ask at the same moment, a thousand certificates in few calls", async () => {
    for (const name of ["one", "two", "three", "four"]) await start(name);
    const ids = Array.from({ length: 1000 }, (_, index) => `c${index}`);
    const answers = await Promise.all(replicas.flatMap((replica) => replica.ask(ids)));
    expect(answers).toHaveLength(4000);
    expect(cloud.asked().toSorted()).toEqual(ids.toSorted());
    // One call for each batch of look-ups at most: what a replica may read is asked for together.
    expect(cloud.calls.length).toBeLessThanOrEqual(4);
  });

  it("is tried by another replica when it fails, one after the other", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.close();
    cloud.answer = () => {
      throw toFailure();
    };
    const [failing] = one.ask(["a"]);
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const [waiting] = other.ask(["a"]);
    await untilAwaited("a");
    const failed = expect(failing).rejects.toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
    cloud.open();
    cloud.answer = (id) => toReading(id);
    await failed;
    await expect(waiting).resolves.toMatchObject({ facts: { domain: "a.example" } });
    expect(cloud.calls.map(({ replica }) => replica)).toEqual(["one", "other"]);
  });

  it("is read by another replica soon after the first one was killed", async () => {
    const [one, other] = [
      await start("one", { claimLifeMs: 1_500 }),
      await start("other", { claimLifeMs: 1_500 }),
    ];
    cloud.close();
    void Promise.allSettled(one.ask(["a", "b"]));
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const waiting = other.ask(["a", "b"]);
    await untilAwaited("a");
    replicas.reverse();
    one.kill();
    cloud.open();
    await Promise.all(waiting);
    expect(cloud.asked("other")).toEqual(["a", "b"]);
    expect(cloud.calls).toHaveLength(2);
  });

  it("stays its own for as long as it takes, however long after the claim would run out", async () => {
    const [one, other] = [
      await start("one", { claimLifeMs: 1_600 }),
      await start("other", { claimLifeMs: 1_600 }),
    ];
    cloud.close();
    const [slow] = one.ask(["a"]);
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const [waiting] = other.ask(["a"]);
    const [key = ""] = await one.redis.client.keys(`${KEY_PREFIX}v2:claims:*`);
    // The claim's life is longer after a renewal than a moment before it; twice is past its first end.
    for (let renewals = 0, last = 0; renewals < 3; ) {
      const leftMs = await one.redis.client.pttl(key);
      expect(leftMs).toBeGreaterThan(0);
      if (leftMs > last) renewals += 1;
      last = leftMs;
    }
    cloud.open();
    expect(await waiting).toEqual(await slow);
    expect(cloud.calls).toHaveLength(1);
  });

  it("is wanted by the requesters of the others too, and has its turn as theirs", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.close();
    void Promise.allSettled(one.ask(["a"], { withinMs: 50 }));
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    void Promise.allSettled(other.ask(["a"], { withinMs: 5_000 }));
    const ticket = cloud.calls[0]?.requests[0]?.ticket;
    await vi.waitFor(() => expect(ticket?.requesters).toHaveLength(2));
    const deadlines = ticket?.requesters.map(({ deadlineMs }) => deadlineMs - performance.now());
    expect(deadlines?.[1]).toBeGreaterThan(3_000);
    expect(deadlines?.[1]).toBeLessThanOrEqual(5_000);
  });

  it("tells the others how long it will take", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.close();
    cloud.estimateWaitMs = 9_000;
    void Promise.allSettled(one.ask(["a"]));
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const failure = await other.ask(["a"], { withinMs: 2_500 })[0]?.catch((error) => error);
    expect(failure).toMatchObject({ extensions: { code: "PROVIDER_THROTTLED" } });
    expect(failure.extensions.retryAfterMs).toBeGreaterThan(6_000);
    expect(failure.extensions.retryAfterMs).toBeLessThanOrEqual(9_000);
    expect(cloud.calls).toHaveLength(1);
  });

  it("is refused long before the deadline, by every replica, when there is no hope to have it in time", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.close();
    cloud.estimateWaitMs = 60_000;
    const sinceMs = performance.now();
    await expect(one.ask(["a"])[0]).rejects.toMatchObject({
      extensions: { code: "PROVIDER_THROTTLED", retryAfterMs: 60_000 },
    });
    expect(performance.now() - sinceMs).toBeLessThan(1_000);
    const laterMs = performance.now();
    await expect(other.ask(["a"])[0]).rejects.toMatchObject({ code: "PROVIDER_THROTTLED" });
    // It must first know how long it takes with its own requester in the line.
    expect(performance.now() - laterMs).toBeLessThan(3_000);
    expect(cloud.calls).toHaveLength(1);
  });

  it("that is not being waited for any more still comes into the cache of the one that asked", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.close();
    void Promise.allSettled(one.ask(["a"]));
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const [late] = other.ask(["a"], { withinMs: 100 });
    await expect(late).rejects.toMatchObject({ code: "PROVIDER_TIMEOUT" });
    cloud.open();
    await vi.waitFor(async () => {
      await expect(other.ask(["a"], { withinMs: 50 })[0]).resolves.toMatchObject({ stale: false });
    });
    expect(cloud.calls).toHaveLength(1);
  });
});

describe("a question for detail", () => {
  it("is not answered by a reading without it, and its answer serves those without", async () => {
    const [one, other] = [await start("one"), await start("other")];
    await Promise.all(one.ask(["a"]));
    await untilStored("a");
    const [detailed] = await Promise.all(other.ask(["a"], { needsDetail: true }));
    expect(detailed?.facts).toMatchObject({ orderId: "order of a" });
    expect(cloud.calls).toHaveLength(2);

    await Promise.all(one.ask(["b"], { needsDetail: true }));
    await untilStored("b");
    expect(await Promise.all(other.ask(["b"]))).toMatchObject([
      { facts: { orderId: "order of b" } },
    ]);
    expect(await Promise.all(other.ask(["b"], { needsDetail: true }))).toHaveLength(1);
    expect(cloud.calls).toHaveLength(3);
  });

  it("does not wait for another replica that reads no detail, but takes over from it", async () => {
    const [one, two, three] = [await start("one"), await start("two"), await start("three")];
    cloud.close();
    const [summary] = one.ask(["a"]);
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(1));
    const [detail] = two.ask(["a"], { needsDetail: true });
    await vi.waitFor(() => expect(cloud.calls).toHaveLength(2));
    const [joined] = three.ask(["a"], { needsDetail: true });
    await untilAwaited("a");
    cloud.open();
    await summary;
    expect((await detail)?.facts).toMatchObject({ orderId: "order of a" });
    expect((await joined)?.facts).toMatchObject({ orderId: "order of a" });
    expect(cloud.calls).toHaveLength(2);
  });

  it("is answered from the others also where the cloud told personal data with it, but not for these", async () => {
    const [one, other] = [await start("one"), await start("other")];
    cloud.answer = (id, hasDetail) =>
      toReading(id, {
        hasDetail,
        facts: { submittedData: { adminEmail: "someone@company.example" } },
      });
    await Promise.all(one.ask(["a"], { needsDetail: true }));
    await untilStored("a");
    const [detail] = await Promise.all(other.ask(["a"], { needsDetail: true }));
    expect(detail?.facts).toMatchObject({ orderId: "order of a", submittedData: null });
    expect(cloud.calls).toHaveLength(1);

    const [personal] = await Promise.all(
      other.ask(["a"], { needsDetail: true, needsUnshared: true }),
    );
    expect(personal?.facts).toMatchObject({
      submittedData: { adminEmail: "someone@company.example" },
    });
    expect(cloud.asked("other")).toEqual(["a"]);
  });
});

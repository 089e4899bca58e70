// What is answered when the quota cannot serve everything in time, and what becomes of the rest.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { GraphQLAnswer } from "../support/subgraph.ts";
import { askTimed, LIST, type Scene, startScene, toDelivered } from "./scene.ts";

const WITHIN_MS = 1_700;
/** What a busy machine may add to an answer; without a deadline it would take seconds more. How soon it is, tests with a fake clock tell. */
const GRACE_MS = 1_500;

interface Missing {
  readonly id: string;
  readonly retryAfterMs: number;
}

/** Checks each error of a list, and tells what is missing and when to ask again. */
function readMissing({ data, errors = [] }: GraphQLAnswer, ids: readonly string[]): Missing[] {
  const missing = errors.map(({ path = [], extensions }) => {
    const [field, index] = path;
    expect(field).toBe("deviceCertificates");
    expect(path).toHaveLength(2);
    expect(data.deviceCertificates[Number(index)]).toBeNull();
    expect(extensions).toMatchObject({ provider: "aliyun-iot", connection: "default" });
    expect(extensions["code"]).toBeOneOf(["PROVIDER_THROTTLED", "PROVIDER_TIMEOUT"]);
    expect(extensions["retryAfterMs"]).toBeGreaterThan(0);
    return { id: ids[Number(index)] ?? "", retryAfterMs: Number(extensions["retryAfterMs"]) };
  });
  expect(new Set(missing.map(({ id }) => id)).size).toBe(missing.length);
  expect(missing.length + toDelivered({ data }).length).toBe(ids.length);
  return missing;
}

async function waitUntilCalled(scene: Scene, calls: number): Promise<void> {
  while (scene.countCalls("aliyun-iot") < calls) await sleep(50);
  await sleep(100);
}

describe("fifty equal clients at once", () => {
  it("cost one call a key, and all of them get what is there", async () => {
    const scene = await startScene({ withinMs: WITHIN_MS });
    // The first question of all also waits until everything is loaded.
    await askTimed(scene, scene.ids("tencent-ssl", 0, 1));
    const ids = [...scene.ids("aliyun-iot", 0, 40), ...scene.ids("tencent-mqtt", 0, 40)];
    const answers = await Promise.all(Array.from({ length: 50 }, () => askTimed(scene, ids)));
    for (const { answer } of answers) {
      expect(toDelivered(answer).length).toBeGreaterThanOrEqual(40 + 5);
      expect(readMissing(answer, ids).every(({ id }) => id.startsWith("aliyun-iot"))).toBe(true);
    }
    await waitUntilCalled(scene, 40);
    expect((await askTimed(scene, ids)).answer.errors).toBeUndefined();
    expect(scene.countCalls("aliyun-iot")).toBe(40);
    expect(scene.countCalls("tencent-mqtt")).toBeLessThanOrEqual(4);
  });
});

describe("a question about one device", () => {
  it("does not wait behind one about a hundred", async () => {
    const scene = await startScene({ withinMs: 4_000 });
    const large = askTimed(scene, scene.ids("aliyun-iot", 0, 100));
    await sleep(300);
    const tookMs: number[] = [];
    for (let n = 200; n < 206; n += 1) {
      const one = await askTimed(scene, scene.ids("aliyun-iot", n, n + 1));
      expect(one.answer.errors).toBeUndefined();
      tookMs.push(one.tookMs);
      await sleep(150);
    }
    expect(tookMs.toSorted((a, b) => a - b)[2]).toBeLessThan(600);
    // Behind it they would wait until their deadline.
    expect(Math.max(...tookMs)).toBeLessThan(2_000);
    expect(toDelivered((await large).answer).length).toBeGreaterThanOrEqual(30);
  });
});

// The others wait for seconds, each in front of clouds of its own: they do so together.
describe.concurrent("more devices than the quota serves in time", () => {
  it("are answered as far as possible; each of the others says truly when to ask again", async () => {
    const scene = await startScene({ withinMs: WITHIN_MS });
    const ids = scene.ids("aliyun-iot", 0, 50);
    const { answer, tookMs } = await askTimed(scene, ids);
    const answeredAtMs = performance.now();
    expect(tookMs).toBeLessThan(WITHIN_MS + GRACE_MS);
    // Ten at once, and those of the second second that come back in time.
    expect(toDelivered(answer).length).toBeGreaterThanOrEqual(12);
    const missing = readMissing(answer, ids).sort((a, b) => a.retryAfterMs - b.retryAfterMs);
    expect(missing.length).toBeGreaterThanOrEqual(25);
    // Not much longer than it takes: 50 calls at 9.3 a second.
    expect(missing.at(-1)?.retryAfterMs).toBeLessThan(5_400);

    // In their order, ten at a time: each is there when it said it would be.
    for (let n = 0; n < missing.length; n += 10) {
      const due = missing.slice(n, n + 10);
      const dueAtMs = answeredAtMs + (due.at(-1)?.retryAfterMs ?? 0);
      await sleep(Math.max(0, dueAtMs - performance.now()));
      const again = await askTimed(
        scene,
        due.map(({ id }) => id),
      );
      expect(again.answer.errors).toBeUndefined();
      expect(again.tookMs).toBeLessThan(GRACE_MS);
    }
    expect(scene.countCalls("aliyun-iot")).toBe(50);
    expect(scene.emulator.calls.maxCallsInAnySecond("aliyun-iot", "QueryDeviceCert")).toBe(10);
  });

  it("cost at most 1.05 calls a key when the question is repeated until it is complete", async () => {
    const scene = await startScene({ withinMs: WITHIN_MS });
    const ids = scene.ids("aliyun-iot", 0, 60);
    let rounds = 0;
    for (let isComplete = false; !isComplete; rounds += 1) {
      const { answer, tookMs } = await askTimed(scene, ids);
      expect(tookMs).toBeLessThan(WITHIN_MS + GRACE_MS);
      isComplete = readMissing(answer, ids).length === 0;
    }
    expect(rounds).toBeLessThan(8);
    expect(scene.countCalls("aliyun-iot")).toBeLessThanOrEqual(63);
  });

  it("cost one call a key also with clients that go away: what was sent by then is kept", async () => {
    const scene = await startScene({ withinMs: WITHIN_MS });
    const ids = scene.ids("aliyun-iot", 0, 30);
    for (let n = 0; n < 3; n += 1) {
      const client = new AbortController();
      const request = fetch(scene.subgraph.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: LIST, variables: { ids } }),
        signal: client.signal,
      });
      await sleep(200);
      client.abort();
      await expect(request).rejects.toThrow();
    }
    let hasErrors = true;
    for (let round = 0; hasErrors && round < 20; round += 1) {
      const { answer } = await askTimed(scene, ids);
      hasErrors = answer.errors !== undefined;
    }
    expect(hasErrors).toBe(false);
    expect(scene.countCalls("aliyun-iot")).toBe(30);
  });
});

describe.concurrent("what was read before", () => {
  it("beats an error when it cannot be read anew in time, and says that it is stale", async () => {
    const scene = await startScene({
      withinMs: WITHIN_MS,
      perSecond: { QueryDeviceCert: 10 },
      sections: {
        cache: {
          freshSeconds: {
            active: 2,
            inactive: 2,
            pending: 2,
            expired: 2,
            revoked: 2,
            failed: 2,
            notFound: 2,
          },
          staleSeconds: 1_000,
        },
      },
    });
    const ids = scene.ids("aliyun-iot", 0, 20);
    const first = await askTimed(scene, ids);
    expect(toDelivered(first.answer).length).toBeGreaterThanOrEqual(12);
    await waitUntilCalled(scene, 20);
    await sleep(2_100);
    scene.emulator.setFault("aliyun-iot", { kind: "hang" });
    const { answer, tookMs } = await askTimed(scene, ids);
    expect(tookMs).toBeLessThan(WITHIN_MS + GRACE_MS);
    expect(answer.errors).toBeUndefined();
    expect(answer.data.deviceCertificates).toEqual(ids.map((id) => ({ id, stale: true })));
  });
});

describe.concurrent("a question that has no hope", () => {
  it("is answered at once, with the time after which there is an answer", async () => {
    // One call in four seconds.
    const scene = await startScene({ withinMs: 2_000, perSecond: { QueryDeviceCert: 0.25 } });
    const [first = "", second = ""] = scene.ids("aliyun-iot", 0, 2);
    expect((await askTimed(scene, [first])).answer.errors).toBeUndefined();
    const { answer, tookMs } = await askTimed(scene, [second]);
    expect(tookMs).toBeLessThan(GRACE_MS);
    const [missing] = readMissing(answer, [second]);
    expect(missing?.retryAfterMs).toBeGreaterThan(2_000);
    expect(missing?.retryAfterMs).toBeLessThan(5_000);
    await sleep(missing?.retryAfterMs);
    const again = await askTimed(scene, [second]);
    expect(again.answer.errors).toBeUndefined();
    expect(again.tookMs).toBeLessThan(GRACE_MS);
    expect(scene.countCalls("aliyun-iot")).toBe(2);
  });

  it("is not one that only looks so because of a low quota that is free", async () => {
    const scene = await startScene({ withinMs: 1_000, perSecond: { QueryDeviceCert: 0.1 } });
    const { answer } = await askTimed(scene, scene.ids("aliyun-iot", 0, 1));
    expect(answer.errors).toBeUndefined();
  });
});

describe.concurrent("a cloud that keeps refusing", () => {
  it("is told as throttled at the deadline, not as a cloud that did not answer", async () => {
    const scene = await startScene({ withinMs: 1_500 });
    scene.emulator.setFault("aliyun-iot", { kind: "throttle" });
    const { answer, tookMs } = await askTimed(scene, scene.ids("aliyun-iot", 0, 5));
    expect(tookMs).toBeLessThan(1_500 + GRACE_MS);
    const codes = answer.errors?.map(({ extensions }) => extensions["code"]);
    expect(codes).toEqual(Array.from({ length: 5 }, () => "PROVIDER_THROTTLED"));
  });
});

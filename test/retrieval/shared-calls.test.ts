// Four whole replicas with one Redis in front of one emulator: what is asked of all of them costs what it costs one.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id status } }";

let redis: TestRedis;
let emulator: Emulator;
let replicas: TestSubgraph[];

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

beforeAll(async () => {
  redis = await startRedis();
  emulator = await startEmulator({ fleetSize: 1_000, seed: "replicas", latencyMs: 15 });
  replicas = await Promise.all(
    [1, 2, 3, 4].map(() =>
      startTestSubgraph({
        connections: toConnections(emulator),
        sections: { answer: { withinMs: 60_000 }, redis: { url: redis.url } },
      }),
    ),
  );
  const client = new Redis(redis.url);
  await vi.waitFor(
    async () => {
      expect(await client.pubsub("NUMSUB", "device-certificates:v2:readings")).toContain(4);
      for (const { logged } of replicas) {
        expect(logged()).toContain("kept together");
        expect(logged()).toContain('"purpose":"readings"');
      }
    },
    { timeout: 60_000, interval: 100 },
  );
  client.disconnect();
});

afterAll(async () => {
  await emulator?.close();
  await Promise.all((replicas ?? []).map((replica) => replica.close()));
  await redis?.close();
});

const idsOf = (prefix: string, from: number, to: number): string[] =>
  emulator.fleet.products
    .find((product) => product.prefix === prefix)
    ?.ids()
    .slice(from, to) ?? [];

const countCalls = (prefix: "aliyun-iot" | "tencent-mqtt" | "tencent-ssl"): number =>
  Object.values(emulator.calls.toJson()[prefix] ?? {}).reduce(
    (sum, { arrived }) => sum + arrived,
    0,
  );

/** Asks all replicas the same at the same time, and checks every answer. */
async function askAll(ids: readonly string[]): Promise<void> {
  const answers = await Promise.all(replicas.map((replica) => replica.ask(LIST, { ids })));
  for (const { data, errors } of answers) {
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates.map(({ id }: { id: string }) => id)).toEqual(ids);
  }
}

describe("a question that four replicas are asked at once", () => {
  it("about a thousand certificates of TDMQ for MQTT in four instances costs twelve calls at most", async () => {
    await askAll(idsOf("tencent-mqtt", 0, 1_000));
    expect(countCalls("tencent-mqtt")).toBeLessThanOrEqual(12);
  });

  it("about a thousand of SSL Certificates costs one call", async () => {
    await askAll(idsOf("tencent-ssl", 0, 1_000));
    expect(countCalls("tencent-ssl")).toBe(1);
  });

  it("about devices that are asked for one by one costs one call for each", async () => {
    await askAll(idsOf("aliyun-iot", 0, 25));
    expect(countCalls("aliyun-iot")).toBe(25);
  });

  it("costs nothing where one of them was asked before", async () => {
    const ids = idsOf("aliyun-iot", 25, 30);
    await replicas[0]?.ask(LIST, { ids });
    expect(countCalls("aliyun-iot")).toBe(30);
    const client = new Redis(redis.url);
    const key = `device-certificates:v2:reading:${ids.at(-1)}`;
    await vi.waitFor(async () => expect(await client.exists(key)).toBe(1), 10_000);
    client.disconnect();
    await askAll(ids);
    expect(countCalls("aliyun-iot")).toBe(30);
  });
});

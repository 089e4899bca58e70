import "reflect-metadata";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ConnectionConfig } from "../../src/config/index.ts";
import type { CertificateProduct, Connection } from "../../src/device-certificate/product.ts";
import { aliyunMqtt } from "../../src/providers/aliyun/mqtt/index.ts";
import {
  type ActionUse,
  type CloudCallEvent,
  connectProducts,
} from "../../src/providers/connect.ts";
import { type CallLimit, CallTicket } from "../../src/quota/quota.ts";
import { Secret } from "../../src/secret.ts";
import { passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import { createRecordingLog } from "./log.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const documentation = "https://vendor.example/limits";
const perKey: CallLimit = {
  action: "List",
  callsPerSecond: 4,
  countedPer: "accessKey",
  documentation,
};
const perAccount: CallLimit = {
  action: "Read",
  callsPerSecond: 6,
  countedPer: "account",
  documentation,
  isBilled: true,
};
const perAddress: CallLimit = {
  action: "Get",
  callsPerSecond: 10,
  countedPer: "account",
  documentation,
  perSourceAddress: { callsPerSecond: 5, documentation },
};

interface ConfigOptions {
  readonly name?: string;
  readonly accessKeyId?: string;
  readonly origin?: string;
  readonly quota?: Partial<ConnectionConfig["quota"]>;
}

function toConfig(options: ConfigOptions = {}): ConnectionConfig {
  const { name = "default", accessKeyId = "key-1", origin = "http://127.0.0.1:9" } = options;
  return {
    cloud: aliyunMqtt.cloud.name,
    name,
    region: "region-1",
    credentials: {
      source: "static",
      accessKeyId,
      accessKeySecret: new Secret("not-a-real-secret"),
    },
    endpoints: { mqtt: origin },
    quota: { share: 1, perSecond: {}, ...options.quota },
    settings: {},
  };
}

/** Connects a product with these limits; its calls are answered at once. */
async function createSetup(limits: readonly CallLimit[], configs: readonly ConnectionConfig[]) {
  const connections: Connection[] = [];
  const product: CertificateProduct = {
    ...aliyunMqtt,
    limits,
    connect: (connection) => {
      connections.push(connection);
      return { fetch: () => [] };
    },
  };
  const events: CloudCallEvent[] = [];
  const connected = await connectProducts({
    products: [product],
    connections: configs,
    withinMs: 1_000,
    log: createRecordingLog(),
    onCall: (event) => events.push(event),
  });
  const sentAtMs: number[] = [];
  const callers = new Map(
    connections.flatMap((connection) =>
      limits.map((limit) => [`${connection.name} ${limit.action}`, connection.caller(limit)]),
    ),
  );
  /** Asks for so many calls at once. */
  const call = (name: string, count: number, send: () => Promise<unknown> = async () => {}) => {
    const tickets = [new CallTicket({ deadlineMs: Number.POSITIVE_INFINITY })];
    for (let n = 0; n < count; n += 1) {
      callers
        .get(name)
        ?.call(
          () => {
            sentAtMs.push(performance.now());
            return send();
          },
          { tickets },
        )
        .catch(() => {});
    }
  };
  const readUse = async (action: string, connection = "default"): Promise<ActionUse> => {
    const uses = await Promise.all(connected.actions.map((read) => read()));
    const found = uses.find((use) => use.action === action && use.connection === connection);
    if (found === undefined) throw new Error("no such action");
    return found;
  };
  return { connected, call, sentAtMs, readUse, events };
}

/** How many calls all of them together make in the first second. */
async function countFirstSecond(
  limit: CallLimit,
  configs: readonly ConnectionConfig[],
): Promise<number> {
  const { call, sentAtMs } = await createSetup([limit], configs);
  for (const { name } of configs) call(`${name} ${limit.action}`, 50);
  await passMs(900);
  return sentAtMs.length;
}

describe("a quota", () => {
  it("is what the product documents, or what is configured, times the share", async () => {
    expect(await countFirstSecond(perAccount, [toConfig()])).toBe(6);
    const quota = { perSecond: { Read: 20 }, share: 0.25 };
    expect(await countFirstSecond(perAccount, [toConfig({ quota })])).toBe(5);
    const { readUse } = await createSetup([perAccount], [toConfig({ quota })]);
    expect((await readUse("Read")).callsPerSecond).toBe(5);
  });

  it("is one for each action", async () => {
    const { call, sentAtMs } = await createSetup([perKey, perAccount], [toConfig()]);
    call("default List", 20);
    call("default Read", 20);
    await passMs(900);
    expect(sentAtMs).toHaveLength(4 + 6);
  });

  it("is shared by connections with the same access key on the same endpoint", async () => {
    const configs = [toConfig(), toConfig({ name: "other" })];
    expect(await countFirstSecond(perKey, configs)).toBe(4);
    expect(await countFirstSecond(perAccount, configs)).toBe(6);
  });

  it("of an access key is counted for each endpoint, one of an account for all together", async () => {
    const configs = [toConfig(), toConfig({ name: "other", origin: "http://127.0.0.1:10" })];
    expect(await countFirstSecond(perKey, configs)).toBe(8);
    expect(await countFirstSecond(perAccount, configs)).toBe(6);
  });

  it("of one access key takes nothing from another one's", async () => {
    const configs = [toConfig(), toConfig({ name: "other", accessKeyId: "key-2" })];
    expect(await countFirstSecond(perKey, configs)).toBe(8);
  });

  it("is shared by connections of one account, whichever their keys, and the smallest share holds", async () => {
    const of = (share: number, account = "company") => ({ quota: { account, share } });
    const configs = [
      toConfig(of(1)),
      toConfig({ ...of(0.5), name: "other", accessKeyId: "key-2" }),
    ];
    expect(await countFirstSecond(perAccount, configs)).toBe(3);
    expect(await countFirstSecond(perAccount, configs.toReversed())).toBe(3);
    const two = [toConfig(of(1)), toConfig({ ...of(1, "another"), name: "other" })];
    expect(await countFirstSecond(perAccount, two)).toBe(12);
  });

  it("of one access key is used with the smallest share of its connections", async () => {
    const configs = [toConfig(), toConfig({ name: "other", quota: { share: 0.5 } })];
    expect(await countFirstSecond(perKey, configs)).toBe(2);
  });

  it("of the source address holds over all accounts on the endpoint", async () => {
    const configs = [toConfig(), toConfig({ name: "other", accessKeyId: "key-2" })];
    expect(await countFirstSecond(perAddress, [toConfig()])).toBe(5);
    expect(await countFirstSecond(perAddress, configs)).toBe(5);
  });

  it("of the source address is one for each endpoint", async () => {
    const configs = [
      toConfig(),
      toConfig({ name: "other", accessKeyId: "key-2", origin: "http://127.0.0.1:10" }),
    ];
    expect(await countFirstSecond(perAddress, configs)).toBe(10);
  });
});

describe("what an action does", () => {
  it("is told with its origin, and counted since midnight UTC, attempts that failed included", async () => {
    vi.setSystemTime(new Date("2026-11-22T23:59:50Z"));
    const { call, readUse, events } = await createSetup([perAccount], [toConfig()]);
    call("default Read", 2);
    call("default Read", 1, () => Promise.reject(new Error("a defect")));
    await settlePromises();
    const origin = { provider: "aliyun-mqtt", connection: "default", action: "Read" };
    expect(await readUse("Read")).toEqual({
      ...origin,
      callsPerSecond: 6,
      usedInLastSecond: 3,
      waiting: 0,
      estimatedWaitMs: 0,
      circuit: "CLOSED",
      callsToday: 3,
      billedCallsToday: 2,
    });
    expect(events).toEqual(Array.from({ length: 3 }, () => ({ ...origin, outcome: "answered" })));
    await passMs(11_000);
    expect(await readUse("Read")).toMatchObject({ callsToday: 0, billedCallsToday: 0 });
    call("default Read", 1);
    await settlePromises();
    expect(await readUse("Read")).toMatchObject({ callsToday: 1, billedCallsToday: 1 });
  });

  it("is billed only where the vendor bills", async () => {
    const { call, readUse } = await createSetup([perKey], [toConfig()]);
    call("default List", 3);
    await settlePromises();
    expect(await readUse("List")).toMatchObject({ callsToday: 3, billedCallsToday: 0 });
  });

  it("is told for each connection on its own, where they share a quota as well", async () => {
    const { call, readUse } = await createSetup(
      [perAccount],
      [toConfig(), toConfig({ name: "other" })],
    );
    call("other Read", 2);
    await settlePromises();
    expect(await readUse("Read", "default")).toMatchObject({ callsToday: 0, usedInLastSecond: 2 });
    expect(await readUse("Read", "other")).toMatchObject({ callsToday: 2, usedInLastSecond: 2 });
  });
});

// What stands in Redis, looked at byte by byte, and that everything else survives the way through it.
import "reflect-metadata";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { createCertificate } from "../../src/device-certificate/device-certificate.ts";
import type {
  CertificateProduct,
  CertificateReading,
} from "../../src/device-certificate/product.ts";
import type { Sharing } from "../../src/device-certificate/sharing.ts";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { products } from "../../src/providers/index.ts";
import { decodeReading, encodeReading, toShareable } from "../../src/retrieval/reading-codec.ts";
import { listForms } from "../support/canaries.ts";
import { connectTestProduct } from "../support/connected-product.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { type Replica, ScriptedSharedCloud, startReplica, toReading } from "./shared-replicas.ts";

describe("in Redis", () => {
  const CANARIES = {
    person: "Canary Lastname-Firstname",
    email: "canary@people.example",
    telephone: "+86 755 0000 1234",
    password: "canary-key-password",
    secret: "canary-device-secret",
    key: "-----BEGIN PRIVATE KEY-----Y2FuYXJ5-----END PRIVATE KEY-----",
    nested: "canary in a structure",
    listed: "canary in a list",
    inText: "canary in the place of a text",
    failure: "canary in the cloud's own words",
  };

  let redis: TestRedis;
  let replica: Replica;
  let everything: string;

  beforeAll(async () => {
    redis = await startRedis();
    const cloud = new ScriptedSharedCloud();
    replica = await startReplica("one", { redis, cloud });
    cloud.answer = (id, hasDetail) => {
      if (id === "failing") throw new Error(CANARIES.failure);
      return toReading(id, {
        hasDetail,
        facts: {
          submittedData: {
            adminLastName: CANARIES.person,
            adminEmail: CANARIES.email,
            contactNumber: CANARIES.telephone,
            keyPassword: CANARIES.password,
          },
          deviceAccessKeySecret: CANARIES.secret,
          privateKey: CANARIES.key,
          extra: { domainNumber: "2", keyPassword: CANARIES.nested },
          tags: [{ tagKey: "site", tagValue: "north", owner: CANARIES.listed }],
          alias: { text: CANARIES.inText },
        },
      });
    };
    const ids = ["detail", "failing"];
    await Promise.allSettled([
      ...replica.ask(ids, { needsDetail: true, needsUnshared: true }),
      ...replica.ask(["summary"]),
    ]);
    // The two readings, and that this replica had claims.
    await vi.waitFor(async () => expect(await replica.redis.client.dbsize()).toBe(3));
    everything = await dump();
  });

  afterAll(async () => {
    replica.kill();
    await redis.close();
  });

  async function dump(): Promise<string> {
    const { client } = replica.redis;
    const keys = await client.keys("*");
    const values = await Promise.all(
      keys.map(async (key) =>
        key.endsWith(":owners")
          ? (await client.zrange(key, "0", "-1")).join()
          : (await client.getBuffer(key))?.toString("latin1"),
      ),
    );
    return [...keys, ...values].join("\n");
  }

  it("stands what was listed for it", () => {
    expect(everything).toContain("order of detail");
    expect(everything).toContain('"tags":[{"tagKey":"site","tagValue":"north"}]');
    expect(everything).toContain('"domainNumber":"2"');
  });

  it.each(Object.entries(CANARIES))("stands nothing else in any form: %s", (_, canary) => {
    for (const form of listForms(canary)) expect(everything).not.toContain(form);
  });

  it.each(["submittedData", "keyPassword", "deviceAccessKeySecret", "privateKey", "owner"])(
    "stands no trace of the field %s",
    (name) => {
      expect(everything).not.toContain(`"${name}"`);
    },
  );

  it("stand keys of the documented form alone, all of which run out", async () => {
    const { client } = replica.redis;
    const keys = await client.keys("*");
    for (const key of keys) {
      expect(key).toMatch(
        /^device-certificates:v2:(owners|reading:tencent-ssl:default:(detail|summary))$/,
      );
      expect(await client.pttl(key)).toBeGreaterThan(0);
    }
  });
});

describe("a reading that went through the store", () => {
  let emulator: Emulator;

  beforeAll(async () => {
    emulator = await startEmulator({ fleetSize: 64, seed: "shared", quotas: "off" });
  });

  afterAll(() => emulator.close());

  it.each(products.map((product) => [product.prefix, product] as const))(
    "is the same as before in every field but the unshared ones: %s",
    async (_, product) => {
      const sharing = findSharing(product);
      const readings = await readFleet(product, emulator);
      expect(readings.length).toBeGreaterThan(50);
      const canaries = findFleet(product, emulator).flatMap((certificate) => certificate.canaries);
      for (const reading of readings) {
        const text = encodeReading(
          { reading: toShareable(reading, sharing), fetchedAt: new Date(1_800_000_000_000) },
          sharing,
        );
        expect(canaries.filter((canary) => text.includes(canary))).toEqual([]);
        const decoded = decodeReading(text, sharing);
        const unshared = Object.fromEntries([...sharing.unshared].map((name) => [name, null]));
        expect(decoded?.fetchedAt).toEqual(new Date(1_800_000_000_000));
        expect(decoded?.reading?.hasDetail).toBe(reading.hasDetail);
        expect(listFields(product, decoded?.reading)).toEqual(
          listFields(product, { ...reading, facts: { ...reading.facts, ...unshared } }),
        );
      }
    },
  );

  it("is redacted only when something was taken away", () => {
    const product = products.find(({ prefix }) => prefix === "tencent-ssl");
    const sharing = findSharing(product);
    const empty = toReading("a", { hasDetail: true });
    const personal = toReading("a", { hasDetail: true, facts: { submittedData: {} } });
    expect(toShareable(empty, sharing).isRedacted).toBeUndefined();
    expect(toShareable(personal, sharing).isRedacted).toBe(true);
  });

  it.each([
    ["no JSON", "{"],
    ["another value", "null"],
    ["a list", "[]"],
    ["no time", '{"reading":null}'],
    ["no reading", '{"fetchedAt":1}'],
    ["no facts", '{"fetchedAt":1,"reading":{"hasDetail":true,"isRedacted":false}}'],
    [
      "other facts",
      '{"fetchedAt":1,"reading":{"hasDetail":true,"isRedacted":false,"facts":{"reportedStatus":"ACTIVE"}}}',
    ],
  ])("is none when its text is none that this version writes: %s", (_, text) => {
    expect(decodeReading(text, findSharing(products[0]))).toBeUndefined();
  });
});

function findSharing(product: CertificateProduct | undefined): Sharing {
  if (product?.sharing === undefined) throw new Error(`${product?.prefix} shares nothing`);
  return product.sharing;
}

function findFleet({ prefix }: CertificateProduct, { fleet }: Emulator) {
  return fleet.products.find((product) => product.prefix === prefix)?.all() ?? [];
}

/** As lists bring them, and with detail. */
async function readFleet(
  product: CertificateProduct,
  emulator: Emulator,
): Promise<CertificateReading[]> {
  const connected = await connectTestProduct(product, emulator, { callsPerSecond: 10_000 });
  try {
    const keys = findFleet(product, emulator).map(({ key }) => key);
    const outcomes = [...(await connected.fetch(keys)), ...(await connected.fetch(keys, true))];
    return outcomes.flatMap((outcome) =>
      outcome.status === "fulfilled" && outcome.value !== null ? [outcome.value] : [],
    );
  } finally {
    await connected.close();
  }
}

/** Whatever GraphQL could ask of it: its own facts, and everything that is computed from them. */
function listFields(product: CertificateProduct, reading: CertificateReading | null | undefined) {
  if (!reading) return reading;
  const certificate = createCertificate(product.certificateType, reading.facts, {
    id: "id",
    provider: product.cloud.provider,
    connection: "default",
    fetchedAt: new Date(0),
    stale: false,
    readAt: new Date("2026-11-22T12:00:00Z"),
  });
  const { bundle, ...fields }: Record<string, unknown> = { ...certificate };
  const computed = Object.fromEntries(
    listGetters(product.certificateType.prototype).map((name) => [
      name,
      Reflect.get(certificate, name),
    ]),
  );
  return { ...fields, hasBundle: bundle !== null && bundle !== undefined, ...computed };
}

function listGetters(prototype: object | null): string[] {
  if (prototype === null || prototype === Object.prototype) return [];
  const own = Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([, { get }]) => get !== undefined)
    .map(([name]) => name);
  return [...new Set([...own, ...listGetters(Object.getPrototypeOf(prototype))])];
}

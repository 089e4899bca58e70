import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { APIS } from "../support/all-products.ts";
import { listForms } from "../support/canaries.ts";
import { readOperation } from "../support/operations.ts";
import { createRecipientKey, type RecipientKey } from "../support/recipient-key.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const SEALED_FIELDS = readOperation("sealed-fields");
const SEALED_ENTITIES = readOperation("sealed-entities");
const TOKEN = "not-a-real-token-0001";
const SCOPES = [
  "device-certificate:read",
  "device-certificate:personal:read",
  "device-certificate:secret:read",
];

let emulator: Emulator;
let redis: TestRedis;
let subgraph: TestSubgraph;
let key: RecipientKey;
let folder: string;
let auditFile: string;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 12, seed: "sealed", quotas: "off" });
  redis = await startRedis();
  key = await createRecipientKey("P-256");
  folder = await mkdtemp(join(tmpdir(), "audit-"));
  auditFile = join(folder, "audit.log");
  subgraph = await start();
});

afterAll(async () => {
  await subgraph?.close();
  await redis?.close();
  await emulator?.close();
  await rm(folder, { recursive: true });
});

beforeEach(async () => {
  for (const api of APIS) emulator.setFault(api, null);
});

const start = (sections: Record<string, unknown> = {}, secrets: Record<string, unknown> = {}) =>
  startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 10_000 }),
    sections: {
      auth: { mode: "gateway", gateway: { token: TOKEN } },
      secrets: { mode: "sealed", auditFile, ...secrets },
      redis: { url: redis.url },
      ...sections,
    },
  });

const ask = (
  query: string,
  variables: Record<string, unknown>,
  headers: Record<string, string> = {},
) => askOf(subgraph, query, variables, headers);

const askOf = (
  asked: TestSubgraph,
  query: string,
  variables: Record<string, unknown>,
  headers: Record<string, string> = {},
) =>
  asked.ask(
    query,
    { recipient: key.jwk, ...variables },
    { "x-gateway-token": TOKEN, "x-scopes": SCOPES.join(" "), "x-subject": "alice", ...headers },
  );

const toIds = (index: number) => ({
  iot: emulator.fleet.aliyunIot.at(index).id,
  mqtt: emulator.fleet.aliyunMqtt.at(index).id,
  ssl: emulator.fleet.tencentSsl.at(index).id,
});

/** The records since the last time that they were read. */
let readSoFar = 0;
async function readNewRecords(): Promise<Record<string, unknown>[]> {
  const lines = (await readFile(auditFile, "utf8")).split("\n").filter(Boolean);
  const fresh = lines.slice(readSoFar).map((line) => JSON.parse(line));
  readSoFar = lines.length;
  return fresh;
}

const ONE_KEY = `query ($id: ID!, $recipient: String!) {
  deviceCertificate(id: $id) {
    id
    ... on AliyunIotDeviceCertificate { sealedPrivateKey(recipient: $recipient) }
  }
}`;

/** An IoT device whose certificate is ready. */
function findReady(): { id: string; canary: string } {
  const certificate = emulator.fleet.aliyunIot.all().find(({ canaries }) => canaries.length > 0);
  if (certificate === undefined) throw new Error("no certificate of the fleet is ready");
  return { id: certificate.id, canary: certificate.canaries[0] ?? "" };
}

describe("a sealed field", () => {
  it("gives each product's secret to the holder of the key", async () => {
    const ids = toIds(0);
    const { data, errors } = await ask(SEALED_FIELDS, ids);
    expect(errors).toBeUndefined();
    const { aliyunIot, aliyunMqtt, tencentSsl } = emulator.fleet;
    expect(await key.open(data.iot.sealedPrivateKey)).toBe(
      `-----BEGIN RSA PRIVATE KEY-----\n${aliyunIot.at(0).canaries[0]}\n-----END RSA PRIVATE KEY-----\n`,
    );
    expect(await key.open(data.mqtt.sealedDeviceAccessKeySecret)).toBe(
      aliyunMqtt.at(0).canaries[0],
    );
    expect(await key.open(data.ssl.submittedData.sealedKeyPassword)).toBe(
      tencentSsl.at(0).canaries[0],
    );
    expect(await readNewRecords()).toHaveLength(3);
  });

  it("gives the same to gateways, through _entities", async () => {
    const { iot, mqtt, ssl } = toIds(0);
    const { data, errors } = await ask(SEALED_ENTITIES, {
      representations: [
        { __typename: "AliyunIotDeviceCertificate", id: iot },
        { __typename: "DeviceCertificate", id: mqtt },
        { __typename: "X509DeviceCertificate", id: ssl },
      ],
    });
    expect(errors).toBeUndefined();
    const [first, second, third] = data._entities;
    expect(await key.open(first.sealedPrivateKey)).toContain("CANARY-");
    expect(await key.open(second.sealedDeviceAccessKeySecret)).toContain("CANARY-");
    expect(await key.open(third.submittedData.sealedKeyPassword)).toContain("CANARY-");
    const records = await readNewRecords();
    expect(records.map(({ certificate }) => certificate).toSorted()).toEqual(
      [iot, mqtt, ssl].toSorted(),
    );
  });

  it.each(["RSA", "X25519"] as const)("is sealed to a key of the kind %s", async (kind) => {
    const other = await createRecipientKey(kind);
    const { id, canary } = findReady();
    const { data } = await ask(ONE_KEY, { id, recipient: other.jwk });
    expect(await other.open(data.deviceCertificate.sealedPrivateKey)).toContain(canary);
    expect(await readNewRecords()).toMatchObject([{ recipientThumbprint: other.thumbprint }]);
  });

  it("is null where the cloud has no secret, and nothing is recorded", async () => {
    const pending = emulator.fleet.aliyunIot.all().find(({ canaries }) => canaries.length === 0);
    const { data, errors } = await ask(ONE_KEY, { id: pending?.id });
    expect(errors).toBeUndefined();
    expect(data.deviceCertificate).toEqual({ id: pending?.id, sealedPrivateKey: null });
    expect(await readNewRecords()).toEqual([]);
  });

  it("costs a call of its own each time: nothing is kept, and nothing is shared", async () => {
    const { id } = findReady();
    const twice = `query ($id: ID!, $recipient: String!) {
      deviceCertificate(id: $id) {
        ... on AliyunIotDeviceCertificate {
          a: sealedPrivateKey(recipient: $recipient)
          b: sealedPrivateKey(recipient: $recipient)
        }
      }
    }`;
    await ask(ONE_KEY, { id });
    emulator.calls.reset();
    const answers = await Promise.all([ask(twice, { id }), ask(ONE_KEY, { id })]);
    expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBe(3);
    const { a, b } = answers[0].data.deviceCertificate;
    expect(a).not.toBe(b);
    expect(await readNewRecords()).toHaveLength(4);
  });

  it("forbids everybody to keep the answer", async () => {
    const response = await fetch(subgraph.url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-gateway-token": TOKEN,
        "x-scopes": SCOPES.join(" "),
      },
      body: JSON.stringify({
        query: ONE_KEY,
        variables: { id: findReady().id, recipient: key.jwk },
      }),
    });
    expect(await response.text()).toContain('"sealedPrivateKey":"eyJ');
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await readNewRecords()).toHaveLength(1);
  });

  it("is in no cache, neither here nor in Redis", async () => {
    const { Redis } = await import("ioredis");
    const client = new Redis(redis.url);
    const keys = await client.keys("*");
    const values = await Promise.all(keys.map((name) => client.dump(name)));
    client.disconnect();
    expect(keys.length).toBeGreaterThan(2);
    const everything = `${keys.join("\n")}\n${values.join("\n")}`;
    for (const form of listForms("CANARY-")) expect(everything).not.toContain(form);
  });
});

describe("a hand-out", () => {
  it("is on record before it is answered: who, what, for which key, when, in which request", async () => {
    const { id } = findReady();
    const before = Date.now();
    const { data } = await ask(ONE_KEY, { id }, { "x-request-id": "req-7.of:alice" });
    const [record, ...others] = await readNewRecords();
    expect(others).toEqual([]);
    expect(record).toEqual({
      time: expect.any(String),
      event: "secret-handed-out",
      subject: "alice",
      authentication: "gateway",
      certificate: id,
      secret: "privateKey",
      recipientThumbprint: key.thumbprint,
      requestId: "req-7.of:alice",
    });
    expect(Date.parse(String(record?.["time"]))).toBeGreaterThanOrEqual(before);
    expect(JSON.stringify(record)).not.toContain(data.deviceCertificate.sealedPrivateKey);
  });

  it("has an id of ours where the request's is none that can stand in a record", async () => {
    await ask(ONE_KEY, { id: findReady().id }, { "x-request-id": 'a" b' });
    expect(await readNewRecords()).toMatchObject([
      { requestId: expect.stringMatching(/^[\w-]{36}$/) },
    ]);
  });

  it("names nobody where the gateway names nobody", async () => {
    await ask(ONE_KEY, { id: findReady().id }, { "x-subject": "" });
    expect(await readNewRecords()).toMatchObject([{ subject: null, authentication: "gateway" }]);
  });

  it("does not happen while it cannot be recorded, and does again afterwards", async () => {
    await rename(auditFile, `${auditFile}.kept`);
    await mkdir(auditFile);
    const { id } = findReady();
    const { data, errors } = await ask(ONE_KEY, { id });
    expect(data.deviceCertificate).toEqual({ id, sealedPrivateKey: null });
    expect(errors).toMatchObject([
      {
        path: ["deviceCertificate", "sealedPrivateKey"],
        extensions: { code: "AUDIT_UNAVAILABLE" },
      },
    ]);
    expect(JSON.stringify(errors)).not.toContain(folder);
    await rm(auditFile, { recursive: true });
    await rename(`${auditFile}.kept`, auditFile);
    expect((await ask(ONE_KEY, { id })).errors).toBeUndefined();
    expect(await readNewRecords()).toHaveLength(1);
  });

  it("is recorded in a new file once the old one was renamed, as logs are rotated", async () => {
    await rename(auditFile, `${auditFile}.1`);
    const { id } = findReady();
    expect((await ask(ONE_KEY, { id })).errors).toBeUndefined();
    readSoFar = 0;
    expect(await readNewRecords()).toMatchObject([{ certificate: id }]);
  });

  it("of fifty at once is fifty whole records", async () => {
    const { id } = findReady();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(ONE_KEY, { id })));
    expect(answers.flatMap(({ errors = [] }) => errors)).toEqual([]);
    expect(await readNewRecords()).toHaveLength(50);
  });
});

describe("nothing is handed out, and nothing recorded", () => {
  it("without the scope, whatever the recipient is", async () => {
    const { data, errors } = await ask(
      ONE_KEY,
      { id: findReady().id, recipient: "{" },
      { "x-scopes": "device-certificate:read" },
    );
    expect(data.deviceCertificate.sealedPrivateKey).toBeNull();
    expect(errors).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
  });

  it("for a key that will not do, and the cloud is not asked for its sake", async () => {
    const { id } = findReady();
    await ask(ONE_KEY, { id });
    await readNewRecords();
    emulator.calls.reset();
    const { data, errors } = await ask(ONE_KEY, { id, recipient: '{"kty":"oct","k":"AAAA"}' });
    expect(data.deviceCertificate.sealedPrivateKey).toBeNull();
    expect(errors).toMatchObject([
      { message: expect.stringContaining("recipient"), extensions: { code: "BAD_USER_INPUT" } },
    ]);
    expect(emulator.calls.toJson()).toEqual({});
  });

  it("while the cloud does not answer: the field fails at the deadline, the rest is delivered", async () => {
    const { id } = findReady();
    const hurried = await start({ answer: { withinMs: 1_000 } });
    await askOf(hurried, ONE_KEY, { id });
    await readNewRecords();
    emulator.setFault("aliyun-iot", { kind: "hang" });
    const { data, errors } = await askOf(hurried, ONE_KEY, { id });
    await hurried.close();
    expect(await readNewRecords()).toEqual([]);
    expect(data.deviceCertificate).toEqual({ id, sealedPrivateKey: null });
    expect(errors).toMatchObject([
      {
        path: ["deviceCertificate", "sealedPrivateKey"],
        extensions: { code: "PROVIDER_TIMEOUT", provider: "aliyun-iot", connection: "default" },
      },
    ]);
  });

  it.each([{ kind: "truncated" }, { kind: "html502" }, { kind: "wrongTypes" }] as const)(
    "while the cloud's answers cannot be read: $kind",
    async (fault) => {
      const ids = toIds(0);
      await ask(SEALED_FIELDS, ids);
      await readNewRecords();
      for (const api of APIS) emulator.setFault(api, fault);
      const { data, errors = [] } = await ask(SEALED_FIELDS, ids);
      expect(data.iot.sealedPrivateKey).toBeNull();
      expect(data.mqtt.sealedDeviceAccessKeySecret).toBeNull();
      expect(data.ssl.submittedData.sealedKeyPassword).toBeNull();
      expect(errors.length).toBeGreaterThan(0);
    },
  );

  it("beyond the number that one operation may ask for", async () => {
    const small = await start({}, { maxPerOperation: 2 });
    const { id } = findReady();
    const fields = ["a", "b", "c"].map(
      (name) => `${name}: sealedPrivateKey(recipient: $recipient)`,
    );
    const { data, errors } = await small.ask(
      `query ($id: ID!, $recipient: String!) { deviceCertificate(id: $id) { ... on AliyunIotDeviceCertificate { ${fields.join(" ")} } } }`,
      { id, recipient: key.jwk },
      { "x-gateway-token": TOKEN, "x-scopes": SCOPES.join(" ") },
    );
    await small.close();
    expect(Object.values(data.deviceCertificate).filter((sealed) => sealed !== null)).toHaveLength(
      2,
    );
    expect(errors).toMatchObject([
      { path: ["deviceCertificate", "c"], extensions: { code: "BAD_USER_INPUT" } },
    ]);
    expect(await readNewRecords()).toHaveLength(2);
  });
});

describe("a private key that somebody sends by mistake", () => {
  const VALUE = "c2VjcmV0LXByaXZhdGUta2V5LXZhbHVl";
  const jwk = { kty: "EC", crv: "P-256", d: VALUE };

  it.each([
    ["in the variable", ONE_KEY, { recipient: JSON.stringify(jwk) }],
    ["in a variable that is no text", ONE_KEY, { recipient: jwk }],
    [
      "in the query, as the object that it is",
      `query ($id: ID!) { deviceCertificate(id: $id) { ... on AliyunIotDeviceCertificate { sealedPrivateKey(recipient: { kty: "EC", d: "${VALUE}" }) } } }`,
      { recipient: undefined },
    ],
  ])("is neither repeated nor logged: %s", async (_, query, variables) => {
    const answer = await ask(query, { id: findReady().id, ...variables });
    expect(answer.errors?.length).toBeGreaterThan(0);
    expect(JSON.stringify(answer)).not.toContain(VALUE);
    expect(subgraph.logged()).not.toContain(VALUE);
  });
});

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const FRESH_SECONDS = {
  active: 3600,
  inactive: 3600,
  pending: 3600,
  expired: 3600,
  revoked: 3600,
  failed: 3600,
  notFound: 60,
};
const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id stale } }";
const ENTITIES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on DeviceCertificate { id }
    ... on Device { id certificates { id } }
  }
}`;

const SEALED = `query ($id: ID!) {
  deviceCertificate(id: $id) { ... on AliyunIotDeviceCertificate { sealedPrivateKey(recipient: "{}") } }
}`;
const QUOTAS_TOO = `query ($ids: [ID!]!) {
  deviceCertificates(ids: $ids) { id }
  providerQuotas { waiting }
}`;

let emulator: Emulator;
let open: TestSubgraph;
let authenticated: TestSubgraph;
let ids: readonly string[];

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-22T13:25:46Z") });
  emulator = await startEmulator({
    fleetSize: 20,
    seed: "freshness",
    quotas: "off",
    now: new Date("2026-11-22T00:00:00Z"),
  });
  const connections = toConnections(emulator, { callsPerSecond: 1000 });
  const cache = { freshSeconds: FRESH_SECONDS };
  const pattern = { device: "{name}", certificate: "tencent-ssl:default:{name}" };
  [open, authenticated] = await Promise.all([
    startTestSubgraph({
      connections,
      sections: { cache, join: { directory: { patterns: [pattern] } } },
    }),
    startTestSubgraph({
      connections,
      sections: { cache, auth: { mode: "gateway", gateway: { token: "a".repeat(32) } } },
    }),
  ]);
  ids = emulator.fleet.products.map((product) => product.at(4).id);
});

afterAll(async () => {
  vi.useRealTimers();
  await open?.close();
  await authenticated?.close();
  await emulator?.close();
});

interface Answer {
  readonly policy: string | null;
  readonly extensions: unknown;
  readonly errors: unknown;
}

async function ask(
  { url }: TestSubgraph,
  query: string,
  variables: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { extensions, errors } = (await response.json()) as Answer;
  return { policy: response.headers.get("cache-control"), extensions, errors };
}

function readSeconds(policy: string | null): number {
  return Number(/^max-age=(\d+), (?:public|private)$/.exec(policy ?? "")?.[1]);
}

describe("what others may keep of an answer", () => {
  it("is as fresh as its certificates are, however often it was asked", async () => {
    for (let times = 0; times < 3; times += 1) {
      const { policy } = await ask(open, LIST, { ids });
      expect(policy).toMatch(/, public$/);
      expect(readSeconds(policy)).toBeGreaterThan(3000);
      expect(readSeconds(policy)).toBeLessThanOrEqual(3600);
    }
  });

  it("is as fresh as the part that is the least, also when that is absent", async () => {
    const { policy } = await ask(open, LIST, { ids: [...ids, "tencent-ssl:default:nowhere"] });
    expect(readSeconds(policy)).toBeLessThanOrEqual(60);
    expect(readSeconds(policy)).toBeGreaterThan(0);
  });

  it("ends when a certificate expires, because its status changes then", async () => {
    const indexes = Array.from({ length: 20 }, (_, index) => index);
    const ids = indexes.map((index) => emulator.fleet.tencentMqtt.at(index).id);
    const query = `query ($ids: [ID!]!) {
      deviceCertificates(ids: $ids) { ... on X509DeviceCertificate { status notAfter } }
    }`;
    const { data } = await open.ask(query, { ids });
    const soonest = data.deviceCertificates
      .map(({ notAfter }: { notAfter: string | null }) => Date.parse(notAfter ?? "") - Date.now())
      .filter((leftMs: number) => leftMs > 0)
      .sort((left: number, right: number) => left - right)[0];
    vi.setSystemTime(Date.now() + soonest - 30_000);
    const { policy } = await ask(open, query, { ids });
    vi.setSystemTime(new Date("2026-11-22T13:25:46Z"));
    expect(readSeconds(policy)).toBeLessThanOrEqual(30);
    expect(readSeconds(policy)).toBeGreaterThan(0);
  });

  it("is private where callers are known", async () => {
    const headers = { "x-gateway-token": "a".repeat(32), "x-scopes": "device-certificate:read" };
    const { policy, errors } = await ask(authenticated, LIST, { ids }, headers);
    expect(errors).toBeUndefined();
    expect(policy).toMatch(/^max-age=\d+, private$/);
  });

  it.each<[string, string, () => object]>([
    ["an error", LIST, () => ({ ids: [ids[0], "malformed"] })],
    ["nothing but an error", "{ nothing }", () => ({})],
    ["a secret that is asked for", SEALED, () => ({ id: ids[2] })],
    ["quotas", "{ providerQuotas { waiting } }", () => ({})],
    ["the schema", "{ _service { sdl } }", () => ({})],
    ["no certificate", "{ __typename }", () => ({})],
    ["quotas beside certificates", QUOTAS_TOO, () => ({ ids })],
  ])("is nothing where it holds %s", async (_name, query, toVariables) => {
    const { policy, extensions } = await ask(open, query, toVariables());
    expect(policy).toBe("no-store");
    expect(extensions).toBeUndefined();
  });
});

describe("the tags of an answer", () => {
  it("are a list for each representation, in their order", async () => {
    const [certificateId = ""] = emulator.fleet.tencentSsl.at(5).key;
    const { extensions, policy } = await ask(open, ENTITIES, {
      representations: [
        { __typename: "DeviceCertificate", id: ids[0] },
        { __typename: "Device", id: certificateId },
        { __typename: "TencentSslCertificate", id: "tencent-ssl:default:nowhere" },
        { __typename: "DeviceCertificate", id: ids[0] },
      ],
    });
    expect(policy).toMatch(/^max-age/);
    expect(extensions).toEqual({
      apolloEntityCacheTags: [
        [`device-certificate:${ids[0]}`],
        [`device-certificate:tencent-ssl:default:${certificateId}`],
        ["device-certificate:tencent-ssl:default:nowhere"],
        [`device-certificate:${ids[0]}`],
      ],
    });
  });

  it("do not stand in the answers of root fields, which browsers get", async () => {
    expect((await ask(open, LIST, { ids })).extensions).toBeUndefined();
  });

  it("are left out where nobody could tell whose they are", async () => {
    const { extensions } = await ask(
      open,
      `query ($representations: [_Any!]!) {
        a: _entities(representations: $representations) { ... on DeviceCertificate { id } }
        b: _entities(representations: $representations) { ... on DeviceCertificate { id } }
      }`,
      { representations: [{ __typename: "DeviceCertificate", id: ids[0] }] },
    );
    expect(extensions).toBeUndefined();
  });
});

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { makeFolder } from "../support/process.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const TOKEN = "not-a-real-token-0001";
const PATTERNS = [
  { device: "{p}.{d}", certificate: "aliyun-iot:default:{p}:{d}" },
  { device: "ssl-{id}", certificate: "tencent-ssl:default:{id}" },
];
const DEVICES = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    ... on Device {
      id
      certificate { __typename id status }
      certificates { id }
      certificateAvailability
    }
  }
}`;

let emulator: Emulator;
let external: TestSubgraph;
let directory: TestSubgraph;
let guarded: TestSubgraph;
/** Ids of Alibaba Cloud IoT, whose certificates cost one call each. */
let ids: readonly string[];

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 40, seed: "devices", quotas: "off" });
  const connections = toConnections(emulator, { callsPerSecond: 1000 });
  const start = (names: unknown, sections = {}) =>
    startTestSubgraph({
      connections,
      sections: { join: names, answer: { maxEntities: 20 }, ...sections },
    });
  [external, directory, guarded] = await Promise.all([
    start({ source: "external" }),
    start({ directory: { patterns: PATTERNS } }),
    start({ source: "external" }, { auth: { mode: "gateway", gateway: { token: TOKEN } } }),
  ]);
  ids = emulator.fleet.aliyunIot.ids();
});

afterAll(async () => {
  await Promise.all([external, directory, guarded].map((subgraph) => subgraph?.close()));
  await emulator?.close();
});

const device = (id: unknown, certificateIds?: unknown) => ({
  __typename: "Device",
  id,
  ...(certificateIds !== undefined && { certificateIds }),
});
const ask = (subgraph: TestSubgraph, representations: readonly unknown[], query = DEVICES) =>
  subgraph.ask(query, { representations });
const UNKNOWN = "aliyun-iot:default:a1emulX509A:nowhere";

describe("a device with join.source: directory", () => {
  it("has the certificate that the first matching pattern makes of its id", async () => {
    const [productKey, deviceName] = emulator.fleet.aliyunIot.at(3).key;
    const { certificateId, id } = emulator.fleet.tencentSsl.at(3);
    const { data, errors } = await ask(directory, [
      device(`${productKey}.${deviceName}`),
      device(`ssl-${certificateId}`),
    ]);
    expect(errors).toBeUndefined();
    expect(data._entities).toEqual([
      {
        id: `${productKey}.${deviceName}`,
        certificate: {
          __typename: "AliyunIotDeviceCertificate",
          id: ids[3],
          status: emulator.fleet.aliyunIot.at(3).expectedStatus,
        },
        certificates: [{ id: ids[3] }],
        certificateAvailability: "AVAILABLE",
      },
      {
        id: `ssl-${certificateId}`,
        certificate: expect.objectContaining({ __typename: "TencentSslCertificate", id }),
        certificates: [{ id }],
        certificateAvailability: "AVAILABLE",
      },
    ]);
  });

  it("is there without certificates when no pattern is about it", async () => {
    const { data, errors } = await ask(directory, [device("stranger"), device(42)]);
    expect(errors).toBeUndefined();
    const none = { certificate: null, certificates: [], certificateAvailability: "NONE" };
    expect(data._entities).toEqual([
      { id: "stranger", ...none },
      { id: "42", ...none },
    ]);
  });

  it("has the certificates of its rows in the file, and patterns are for devices without a row", async () => {
    const [productKey, deviceName] = emulator.fleet.aliyunIot.at(5).key;
    const file = join(await makeFolder(), "devices.csv");
    await writeFile(
      file,
      `deviceId,certificateId\n7,${ids[1]}\nssl-x,${ids[2]}\n7,${ids[0]}\n7,x\n`,
    );
    const subgraph = await startTestSubgraph({
      connections: toConnections(emulator),
      sections: { join: { directory: { patterns: PATTERNS, file } } },
    });
    onTestFinished(() => subgraph.close());
    const { data, errors } = await ask(subgraph, [
      device(7),
      device("ssl-x"),
      device(`${productKey}.${deviceName}`),
      device("8"),
    ]);
    expect(errors).toBeUndefined();
    expect(
      data._entities.map(({ certificates }: { certificates: unknown }) => certificates),
    ).toEqual([[{ id: ids[1] }, { id: ids[0] }], [{ id: ids[2] }], [{ id: ids[5] }], []]);
    expect(subgraph.logged()).toMatch(
      /"line":5,"reason":"Malformed certificate id: segment \\"product\\"/,
    );
  });

  it("does not take certificate ids from the representation", async () => {
    const { data } = await ask(directory, [device("stranger", [ids[0]])]);
    expect(data._entities[0].certificates).toEqual([]);
  });
});

describe("a device with join.source: external", () => {
  it("has the certificates that its own subgraph names, in their order", async () => {
    const { data, errors } = await ask(external, [
      device("one", [ids[2], ids[0], ids[1]]),
      device("two", [ids[0]]),
    ]);
    expect(errors).toBeUndefined();
    expect(data._entities).toMatchObject([
      {
        certificate: { id: ids[2] },
        certificates: [{ id: ids[2] }, { id: ids[0] }, { id: ids[1] }],
      },
      { certificate: { id: ids[0] }, certificates: [{ id: ids[0] }] },
    ]);
  });

  it.each([
    ["missing", undefined],
    ["null", null],
    ["empty", []],
  ])("has none when its list is %s", async (_, list) => {
    const { data, errors } = await ask(external, [device("d", list)]);
    expect(errors).toBeUndefined();
    expect(data._entities).toEqual([
      { id: "d", certificate: null, certificates: [], certificateAvailability: "NONE" },
    ]);
  });

  it("has null in the place of a certificate that the cloud does not have", async () => {
    const { data, errors } = await ask(external, [
      device("a", [ids[0], UNKNOWN]),
      device("b", [UNKNOWN, ids[0]]),
    ]);
    expect(errors).toBeUndefined();
    expect(data._entities).toMatchObject([
      { certificates: [{ id: ids[0] }, null], certificateAvailability: "AVAILABLE" },
      {
        certificate: null,
        certificates: [null, { id: ids[0] }],
        certificateAvailability: "NOT_FOUND",
      },
    ]);
  });

  it("has an error at the path of each malformed id, and its other certificates", async () => {
    const { data, errors = [] } = await ask(external, [
      device("a", [ids[0], "nonsense", 7, null, {}, ids[1]]),
      device("b", [["nested"], ids[2]]),
    ]);
    expect(data._entities).toMatchObject([
      { certificates: [{ id: ids[0] }, null, null, null, null, { id: ids[1] }] },
      { certificate: null, certificates: [null, { id: ids[2] }] },
    ]);
    expect(data._entities[1].certificateAvailability).toBe("UNAVAILABLE");
    expect(errors.map(({ path }) => path?.join(".")).toSorted()).toEqual([
      "_entities.0.certificates.1",
      "_entities.0.certificates.2",
      "_entities.0.certificates.3",
      "_entities.0.certificates.4",
      "_entities.1.certificate",
      "_entities.1.certificates.0",
    ]);
    for (const { extensions } of errors) expect(extensions).toEqual({ code: "BAD_USER_INPUT" });
  });

  it.each(["a text", 7, true, { 0: "x", length: 1 }])(
    "is refused at its place when its list is %j",
    async (list) => {
      const { data, errors } = await ask(external, [
        device("a", [ids[0]]),
        device("b", list),
        device("c", [ids[0]]),
      ]);
      expect(data._entities).toMatchObject([{ id: "a" }, null, { id: "c" }]);
      expect(errors).toMatchObject([
        { path: ["_entities", 1], extensions: { code: "BAD_USER_INPUT" } },
      ]);
    },
  );

  it("does not echo the list of its representation", async () => {
    const { data } = await ask(
      external,
      [device("a", ["forged"])],
      "query ($representations: [_Any!]!) { _entities(representations: $representations) { ... on Device { certificateIds } } }",
    );
    expect(data._entities).toEqual([{ certificateIds: null }]);
  });

  it("gets an error in place of certificates once all devices want more than one answer may have", async () => {
    emulator.calls.reset();
    const list = ids.slice(0, 8);
    const { data, errors } = await ask(external, [
      device("a", list),
      device("b", list),
      device("c", list),
      device("d", list.slice(0, 4)),
      device(
        "e",
        Array.from({ length: 10_000 }, (_, index) => `${UNKNOWN}${index}`),
      ),
    ]);
    expect(
      data._entities.map(({ certificates }: { certificates?: [] }) => certificates?.length),
    ).toEqual([8, 8, undefined, 4, undefined]);
    expect(errors).toMatchObject(
      [2, 4].map((index) => ({
        path: ["_entities", index, "certificates"],
        extensions: { code: "TOO_MANY_ENTITIES", limit: 20 },
      })),
    );
    expect(
      data._entities.map(({ certificate }: { certificate: unknown }) => certificate),
    ).toMatchObject([{ id: list[0] }, { id: list[0] }, { id: list[0] }, { id: list[0] }, null]);
    expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBeLessThanOrEqual(9);
  });
});

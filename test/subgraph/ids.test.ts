import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { ROOT_FIELD } from "../support/all-products.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 20, seed: "ids", quotas: "off" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator, { callsPerSecond: 1000 }),
    sections: { answer: { maxEntities: 50 } },
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

const LIST = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
const ONE = "query ($id: ID!) { deviceCertificate(id: $id) { id } }";
const SN = "4bef68a582b94254296e54ce754f94d707a59911";

/** Well-formed, and unknown to the emulated clouds; some name what does not exist either. */
const UNKNOWN = [
  `tencent-mqtt:default:mqtt-emul0001:${SN}`,
  `tencent-mqtt:default:mqtt-nowhere:${SN}`,
  // Two of one instance that does not exist: the list call is refused as a whole.
  `tencent-mqtt:default:mqtt-nowhere:1${SN}`,
  "tencent-mqtt:default:mqtt-emul0001:0",
  "tencent-ssl:default:nowhere1",
  "aliyun-iot:default:a1emulX509A:nobody",
  "aliyun-iot:default:a1nowhere:nobody",
  "aliyun-mqtt:default:post-cn-emul00001:GID@@@nobody",
];

const MALFORMED: readonly (readonly [string, string])[] = [
  ["", "product"],
  ["nonsense", "product"],
  ["aws-iot:default:x", "product"],
  ["tencent-mqtt", "connection"],
  ["tencent-mqtt:elsewhere:mqtt-1:0e", "connection"],
  ["tencent-mqtt:default:mqtt-1", "DeviceCertificateSn"],
  ["tencent-mqtt:default:mqtt-1:xyz", "DeviceCertificateSn"],
  ["tencent-ssl:default:", "CertificateId"],
  ["tencent-ssl:default:a:b", "CertificateId"],
  ["aliyun-iot:default:a1:50%", "DeviceName"],
  ["aliyun-mqtt:default::c", "InstanceId"],
  ["aliyun-mqtt:default:i:c\u0007", "ClientId"],
];

describe("an id that is well-formed and unknown to the cloud", () => {
  it.each(UNKNOWN)("is null without an error: %s", async (id) => {
    expect(await subgraph.ask(ONE, { id })).toEqual({ data: { deviceCertificate: null } });
  });

  it("is null in its place of a list, without an error", async () => {
    const known = emulator.fleet.products.map((product) => product.at(1).id);
    const ids = UNKNOWN.flatMap((id, index) => [id, known[index] ?? id]);
    const { data, errors } = await subgraph.ask(LIST, { ids });
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates).toEqual(
      UNKNOWN.flatMap((_, index) => {
        const id = known[index];
        return [null, id === undefined ? null : { id }];
      }),
    );
  });

  it("is null through the root field of each product, without an error", async () => {
    const { data, errors } = await subgraph.ask(`{
      ${ROOT_FIELD["tencent-mqtt"]}(instanceId: "mqtt-emul0001", deviceCertificateSn: "${SN}") { id }
      ${ROOT_FIELD["tencent-ssl"]}(certificateId: "nowhere1") { id }
      ${ROOT_FIELD["aliyun-iot"]}(productKey: "a1emulX509A", deviceName: "nobody") { id }
      ${ROOT_FIELD["aliyun-mqtt"]}(instanceId: "post-cn-emul00001", clientId: "GID@@@no") { id }
    }`);
    expect(errors).toBeUndefined();
    expect(Object.values(data)).toEqual([null, null, null, null]);
  });
});

describe("a malformed id", () => {
  it.each(MALFORMED)("%j gives BAD_USER_INPUT that names the segment %s", async (id, segment) => {
    const { data, errors = [] } = await subgraph.ask(ONE, { id });
    expect(data).toEqual({ deviceCertificate: null });
    expect(errors).toHaveLength(1);
    expect(errors[0]?.extensions).toEqual({ code: "BAD_USER_INPUT" });
    expect(errors[0]?.path).toEqual(["deviceCertificate"]);
    expect(errors[0]?.message).toContain(`segment "${segment}"`);
  });

  it("costs its own place of a list, and its neighbours are delivered", async () => {
    const good = emulator.fleet.products.map((product) => product.at(3).id);
    const ids = MALFORMED.flatMap(([id], index) => [id, good[index % 4] ?? ""]);
    const { data, errors = [] } = await subgraph.ask(LIST, { ids });
    expect(data.deviceCertificates).toEqual(
      ids.map((id, index) => (index % 2 === 0 ? null : { id })),
    );
    expect(errors.map(({ path }) => path)).toEqual(
      MALFORMED.map((_, index) => ["deviceCertificates", index * 2]),
    );
  });

  it("names the segment in the arguments of a product's root field too", async () => {
    const { data, errors = [] } = await subgraph.ask(`{
      sn: ${ROOT_FIELD["tencent-mqtt"]}(instanceId: "i", deviceCertificateSn: "xyz") { id }
      connection: ${ROOT_FIELD["tencent-ssl"]}(certificateId: "x", connection: "elsewhere") { id }
      name: ${ROOT_FIELD["aliyun-iot"]}(productKey: "a1", deviceName: "") { id }
      nothing: ${ROOT_FIELD["aliyun-mqtt"]}(instanceId: "", clientId: "c", connection: null) { id }
    }`);
    expect(Object.values(data)).toEqual([null, null, null, null]);
    expect(
      Object.fromEntries(errors.map(({ path, message }) => [path?.join("."), message])),
    ).toEqual({
      sn: expect.stringContaining('segment "DeviceCertificateSn"'),
      connection: expect.stringContaining('segment "connection"'),
      name: expect.stringContaining('segment "DeviceName"'),
      nothing: expect.stringContaining('segment "InstanceId"'),
    });
  });
});

describe("an id that the cloud itself refuses", () => {
  it("is the caller's mistake, with the cloud's code in the message", async () => {
    const { data, errors = [] } = await subgraph.ask(ONE, {
      id: "aliyun-iot:default:a1emulX509A:no spaces please",
    });
    expect(data).toEqual({ deviceCertificate: null });
    expect(errors[0]?.extensions).toMatchObject({ code: "BAD_USER_INPUT" });
    expect(errors[0]?.message).toContain("iot.device.InvalidFormattedDeviceName");
  });
});

describe("the id of an answer", () => {
  it("is the one that was asked with, for every spelling of a serial number", async () => {
    const { instanceId, fullSerialNumber } = emulator.fleet.tencentMqtt.at(5);
    const ids = [
      fullSerialNumber,
      fullSerialNumber.toUpperCase(),
      fullSerialNumber.replace(/^0/, ""),
      `000${fullSerialNumber}`,
    ].map((sn) => `tencent-mqtt:default:${instanceId}:${sn}`);
    emulator.calls.reset();
    const { data, errors } = await subgraph.ask(LIST, { ids });
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates).toEqual(ids.map((id) => ({ id })));
    const { arrived } = emulator.calls.of("tencent-mqtt", "DescribeDeviceCertificate");
    const lists = emulator.calls.of("tencent-mqtt", "DescribeDeviceCertificates").arrived;
    expect(arrived + lists).toBe(1);
  });

  it("is escaped where a root field was given characters that ids escape", async () => {
    const certificate = emulator.fleet.aliyunIot
      .all()
      .find(({ deviceName }) => deviceName.includes(":"));
    const { data } = await subgraph.ask(
      "query ($key: ID!, $name: String!) { aliyunIotDeviceCertificate(productKey: $key, deviceName: $name) { id } }",
      { key: certificate?.productKey, name: certificate?.deviceName },
    );
    expect(data.aliyunIotDeviceCertificate).toEqual({ id: certificate?.id });
  });

  it("comes back as often as it is asked for", async () => {
    const { id } = emulator.fleet.tencentSsl.at(2);
    const { data } = await subgraph.ask(LIST, { ids: [id, id, id] });
    expect(data.deviceCertificates).toEqual([{ id }, { id }, { id }]);
  });
});

describe("more ids than one answer may serve", () => {
  it("are refused with the limit, before any call", async () => {
    emulator.calls.reset();
    const ids = Array.from({ length: 51 }, (_, index) => `tencent-ssl:default:many${index}`);
    const { data, errors } = await subgraph.ask(LIST, { ids });
    expect(data).toEqual({ deviceCertificates: null });
    expect(errors).toMatchObject([
      { path: ["deviceCertificates"], extensions: { code: "TOO_MANY_ENTITIES", limit: 50 } },
    ]);
    expect(emulator.calls.toJson()).toEqual({});
  });

  it("while as many as that are served, and none at all", async () => {
    const ids = Array.from({ length: 50 }, () => emulator.fleet.tencentSsl.at(1).id);
    expect((await subgraph.ask(LIST, { ids })).data.deviceCertificates).toHaveLength(50);
    expect(await subgraph.ask(LIST, { ids: [] })).toEqual({ data: { deviceCertificates: [] } });
  });
});

describe("several connections of one cloud", () => {
  it("are told apart by their names", async () => {
    const second = toConnections(emulator, { name: "second", credential: "otherAccount" });
    const both = await startTestSubgraph({ connections: [...toConnections(emulator), ...second] });
    try {
      const { certificateId } = emulator.fleet.tencentSsl.at(0);
      const ids = [`tencent-ssl:default:${certificateId}`, `tencent-ssl:second:${certificateId}`];
      const { data } = await both.ask(
        `query ($ids: [ID!]!) {
          deviceCertificates(ids: $ids) { id connection }
          tencentSslCertificate(certificateId: "${certificateId}", connection: "second") { id }
        }`,
        { ids },
      );
      expect(data).toEqual({
        deviceCertificates: [
          { id: ids[0], connection: "default" },
          { id: ids[1], connection: "second" },
        ],
        tencentSslCertificate: { id: ids[1] },
      });
    } finally {
      await both.close();
    }
  });
});

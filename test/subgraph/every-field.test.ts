import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import {
  type Json,
  toExpectedAliyunIot,
  toExpectedAliyunMqtt,
  toExpectedTencentMqtt,
  toExpectedTencentSsl,
} from "../support/expected-certificate.ts";
import { readOperation } from "../support/operations.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const FLEET_SIZE = 400;
const IOT_INSTANCE_ID = "iot-060a02ne";
const CERTIFICATES = readOperation("certificates", "every-field");
const ENTITIES = readOperation("entities", "every-field");
const ROOT_FIELDS = readOperation("root-fields", "every-field");

const today = new Date("2026-11-22T00:00:00Z");
/** Asked at the same instant whenever the test runs, so that no answer depends on the hour. */
const now = new Date("2026-11-22T13:25:46.789Z");

let emulator: Emulator;
let subgraph: TestSubgraph;
/** Never asked with the same certificates as the other one, so that nothing comes out of a cache. */
let freshSubgraph: TestSubgraph;

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now });
  emulator = await startEmulator({
    fleetSize: FLEET_SIZE,
    seed: "every field",
    now: today,
    quotas: "off",
    iotInstanceId: IOT_INSTANCE_ID,
  });
  const connections = toConnections(emulator, {
    callsPerSecond: 10_000,
    iotInstanceId: IOT_INSTANCE_ID,
  });
  [subgraph, freshSubgraph] = await Promise.all([
    startTestSubgraph({ connections }),
    startTestSubgraph({ connections }),
  ]);
});

afterAll(async () => {
  vi.useRealTimers();
  await subgraph?.close();
  await freshSubgraph?.close();
  await emulator?.close();
});

type ProductName = "tencentMqtt" | "tencentSsl" | "aliyunIot" | "aliyunMqtt";

function toExpected(product: ProductName, index: number, hasDetail = true): Json {
  const { fleet } = emulator;
  switch (product) {
    case "tencentMqtt":
      return toExpectedTencentMqtt(fleet.tencentMqtt.at(index), now);
    case "tencentSsl":
      return toExpectedTencentSsl(fleet.tencentSsl.at(index), hasDetail, now);
    case "aliyunIot":
      return toExpectedAliyunIot(fleet.aliyunIot.at(index), IOT_INSTANCE_ID, now);
    case "aliyunMqtt":
      return toExpectedAliyunMqtt(fleet.aliyunMqtt.at(index), now);
  }
}

const indexes = Array.from({ length: FLEET_SIZE }, (_, index) => index);

describe.each([
  [
    "tencentMqtt",
    "TencentMqtt",
    "TencentMqttDeviceCertificate",
    ["instanceId", "deviceCertificateSn"],
  ],
  ["tencentSsl", "TencentSsl", "TencentSslCertificate", ["certificateId"]],
  ["aliyunIot", "AliyunIot", "AliyunIotDeviceCertificate", ["productKey", "deviceName"]],
  ["aliyunMqtt", "AliyunMqtt", "AliyunMqttDeviceCredential", ["instanceId", "clientId"]],
] as const)("every field of %s is right", (product, operation, typeName, argumentNames) => {
  it(`for ${FLEET_SIZE} devices asked for together`, { timeout: 30_000 }, async () => {
    const ids = emulator.fleet[product].ids();
    const { data, errors } = await subgraph.ask(CERTIFICATES, { ids });
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates).toEqual(indexes.map((index) => toExpected(product, index)));
  });

  it("for devices asked for one by one through the product's own root field", async () => {
    for (const index of indexes.slice(0, 20)) {
      const { key } = emulator.fleet[product].at(index);
      const variables = Object.fromEntries(argumentNames.map((name, at) => [name, key[at]]));
      const { data, errors } = await freshSubgraph.ask(ROOT_FIELDS, variables, {}, operation);
      expect(errors).toBeUndefined();
      expect(data.certificate).toEqual(toExpected(product, index));
    }
  });

  it("for devices asked for by id alone", async () => {
    for (const index of indexes.slice(20, 30)) {
      const { id } = emulator.fleet[product].at(index);
      const { data, errors } = await freshSubgraph.ask(ROOT_FIELDS, { id }, {}, "ById");
      expect(errors).toBeUndefined();
      expect(data.certificate).toEqual(toExpected(product, index));
    }
  });

  it("for entities, by the concrete type and by the interface", async () => {
    for (const [start, __typename] of [
      [30, typeName],
      [60, "DeviceCertificate"],
    ] as const) {
      const asked = indexes.slice(start, start + 30);
      const representations = asked.map((index) => ({
        __typename,
        id: emulator.fleet[product].at(index).id,
      }));
      const { data, errors } = await freshSubgraph.ask(ENTITIES, { representations });
      expect(errors).toBeUndefined();
      expect(data._entities).toEqual(asked.map((index) => toExpected(product, index)));
    }
  });

  it("for devices whose answer comes from a list call, or costs none", async () => {
    const asked = indexes.slice(100, 250);
    const ids = asked.map((index) => emulator.fleet[product].at(index).id);
    const { data, errors } = await freshSubgraph.ask(CERTIFICATES, { ids, detail: false });
    expect(errors).toBeUndefined();
    expect(data.deviceCertificates).toEqual(
      asked.map((index) => toExpected(product, index, false)),
    );
  });
});

describe("asking for a detail", () => {
  it("makes one call for each SSL certificate, and none again for what is known", async () => {
    emulator.calls.reset();
    const ids = emulator.fleet.tencentSsl.ids().slice(300, 340);
    await freshSubgraph.ask(CERTIFICATES, { ids, detail: false });
    expect(emulator.calls.of("tencent-ssl", "DescribeCertificates").arrived).toBe(1);
    expect(emulator.calls.of("tencent-ssl", "DescribeCertificate").arrived).toBe(0);
    await freshSubgraph.ask(CERTIFICATES, { ids, detail: true });
    await freshSubgraph.ask(CERTIFICATES, { ids, detail: false });
    expect(emulator.calls.of("tencent-ssl", "DescribeCertificates").arrived).toBe(1);
    expect(emulator.calls.of("tencent-ssl", "DescribeCertificate").arrived).toBe(40);
  });
});

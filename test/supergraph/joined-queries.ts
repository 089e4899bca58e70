// What every gateway must deliver where the devices' own subgraph provides certificate ids: one suite for all gateways.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiName, Emulator } from "../../src/emulator/index.ts";
import { APIS } from "../support/all-products.ts";
import {
  type GatewayName,
  type Scene,
  START_WITHIN_MS,
  startScene,
  type TestGateway,
} from "./scene.ts";

const TOKEN = "the-token-of-the-gateway";
const PATIENT = {
  answer: { withinMs: 60_000 },
  // Each question goes to the clouds.
  cache: {
    freshSeconds: { active: 0, inactive: 0, pending: 0, expired: 0, revoked: 0, failed: 0 },
    staleSeconds: 0,
  },
};

const BY_INTERFACE = `
  query ($ids: [ID!], $first: Int) {
    devices(ids: $ids, first: $first) {
      id
      certificateAvailability
      certificate { __typename id status }
    }
  }`;

const BY_CONCRETE_TYPE = `
  query ($ids: [ID!]) {
    devices(ids: $ids) {
      name
      certificate {
        id
        ... on X509DeviceCertificate { notAfter }
        ... on TencentMqttDeviceCertificate { deviceCertificateSn }
        ... on TencentSslCertificate { domain submittedData { adminFirstName } }
        ... on AliyunIotDeviceCertificate { deviceName }
        ... on AliyunMqttDeviceCredential { credentialOf: clientId }
      }
      certificates { id provider }
    }
  }`;

export interface SuiteOptions {
  /** Whether the gateway starts on a schema with `@requiresScopes`. */
  readonly takesAuthorizationDirectives: boolean;
  /** Whether errors keep their place in a list; without, they have the names of the fields alone. */
  readonly keepsListPlaces: boolean;
}

export function describeJoinedQueries(name: GatewayName, options: SuiteOptions): void {
  describe("devices and certificates joined through the gateway", () => {
    let scene: Scene;
    let gateway: TestGateway;
    const toPath = (place: number) =>
      options.keepsListPlaces ? ["devices", place, "certificate"] : ["devices", "certificate"];
    /** A device of each product: Tencent MQTT, Tencent SSL, Alibaba IoT, Alibaba MQTT. */
    let four: readonly string[];

    beforeAll(async () => {
      scene = await startScene({
        wayToJoin: "external",
        gatewayToken: TOKEN,
        sections: {
          ...PATIENT,
          schema: { authorizationDirectives: options.takesAuthorizationDirectives },
        },
      });
      gateway = await scene.startGateway(name);
      four = [...scene.certificateIds.keys()].slice(8, 12);
    }, START_WITHIN_MS);

    afterAll(() => scene?.close());

    it("delivers a device's certificate by the interface", async () => {
      const { data, errors } = await gateway.ask(BY_INTERFACE, { ids: four });
      expect(errors).toBeUndefined();
      expect(data.devices).toEqual(
        four.map((id, product) => ({
          id,
          certificateAvailability: "AVAILABLE",
          certificate: {
            __typename: TYPES[product],
            id: scene.certificateIds.get(id),
            status: toFleetCertificate(scene.emulator, product, 8 + product).expectedStatus,
          },
        })),
      );
    });

    it("delivers the fields of each concrete type, of an interface between, and of the list", async () => {
      const { data, errors } = await gateway.ask(
        BY_CONCRETE_TYPE.replace("submittedData { adminFirstName }", ""),
        { ids: four },
      );
      expect(errors).toBeUndefined();
      const { fleet } = scene.emulator;
      const [mqtt, ssl, iot, credential] = [
        fleet.tencentMqtt.at(8),
        fleet.tencentSsl.at(9),
        fleet.aliyunIot.at(10),
        fleet.aliyunMqtt.at(11),
      ];
      expect(data.devices).toEqual([
        toDevice(8, mqtt.id, "TENCENT_CLOUD", {
          notAfter: mqtt.x509.notAfter.toISOString(),
          deviceCertificateSn: mqtt.serialNumber,
        }),
        toDevice(9, ssl.id, "TENCENT_CLOUD", {
          notAfter: ssl.notAfter?.toISOString() ?? null,
          domain: ssl.toDetail()["Domain"],
        }),
        toDevice(10, iot.id, "ALIBABA_CLOUD", {
          notAfter: iot.x509?.notAfter.toISOString() ?? null,
          deviceName: iot.deviceName,
        }),
        toDevice(11, credential.id, "ALIBABA_CLOUD", { credentialOf: credential.clientId }),
      ]);
    });

    it("tells a device without a certificate, one that the cloud does not have, and no device apart", async () => {
      const { deviceOfNone, deviceOfUnknown } = scene;
      const { data, errors } = await gateway.ask(BY_INTERFACE, {
        ids: [deviceOfNone, deviceOfUnknown, "no-such-device", four[0]],
      });
      expect(errors).toBeUndefined();
      expect(data.devices).toMatchObject([
        { id: deviceOfNone, certificateAvailability: "NONE", certificate: null },
        { id: deviceOfUnknown, certificateAvailability: "NOT_FOUND", certificate: null },
        null,
        { id: four[0], certificateAvailability: "AVAILABLE", certificate: {} },
      ]);
    });

    it("delivers a thousand devices at once, with no more cloud calls than their ids asked directly", async () => {
      const { calls } = scene.emulator;
      const expected = [...scene.certificateIds.values()];
      const direct = await scene.startReplica();
      calls.reset();
      const asked = await direct.ask(
        "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id status } }",
        { ids: expected },
        { "x-gateway-token": TOKEN, "x-scopes": "device-certificate:read" },
      );
      expect(asked.errors).toBeUndefined();
      expect(asked.data.deviceCertificates).not.toContain(null);
      const callsDirectly = countCalls(scene.emulator);
      calls.reset();

      const ids = [...scene.certificateIds.keys()];
      const { data, errors } = await gateway.ask(BY_INTERFACE, { ids });
      expect(errors).toBeUndefined();
      const found = data.devices.map(
        ({ certificate }: { certificate: { id: string } }) => certificate.id,
      );
      expect(found).toEqual(expected);
      expect(countCalls(scene.emulator)).toBeLessThanOrEqual(callsDirectly);
    }, 60_000);

    it("asks with what the gateway knows of the caller, whatever the client says of itself", async () => {
      const { data, errors } = await gateway.ask(
        BY_CONCRETE_TYPE,
        { ids: [four[1]] },
        {
          "x-gateway-token": "something-else-entirely",
          "x-scopes": "device-certificate:read device-certificate:personal:read",
        },
      );
      expect(data.devices[0].certificate.id).toBe(scene.certificateIds.get(four[1] ?? ""));
      expect(data.devices[0].certificate.submittedData).toBeNull();
      expect(errors?.map(({ extensions }) => extensions["code"])).toEqual(["FORBIDDEN"]);
    });

    it("delivers the others when one cloud is down, and tells which one is missing and why", async () => {
      scene.emulator.setFault("aliyun-iot", { kind: "html502" });
      const { data, errors } = await gateway.ask(BY_INTERFACE, { ids: four });
      scene.emulator.setFault("aliyun-iot", null);
      expectAllBut(data.devices, 2, "UNAVAILABLE");
      expect(errors).toMatchObject([
        {
          path: toPath(2),
          extensions: { code: "PROVIDER_UNAVAILABLE", provider: "aliyun-iot" },
        },
      ]);
    });

    it("delivers the others when one cloud is slow, before the gateway's own time limit", async () => {
      await scene.replaceSubgraph({ answer: { withinMs: 4_000 } });
      scene.emulator.setFault("tencent-ssl", { kind: "hang" });
      const { data, errors } = await gateway.ask(BY_INTERFACE, { ids: four });
      scene.emulator.setFault("tencent-ssl", null);
      expectAllBut(data.devices, 1, "DELAYED");
      expect(errors).toMatchObject([
        {
          path: toPath(1),
          extensions: { code: "PROVIDER_TIMEOUT", retryAfterMs: expect.any(Number) },
        },
      ]);
    });

    // docs/federation.md tells users of it.
    it("delivers devices without certificates when the subgraph is gone, unless their availability is asked for", async () => {
      await scene.stopSubgraph();
      const [id] = four;
      const without = await gateway.ask(
        "query ($ids: [ID!]) { devices(ids: $ids) { id certificate { status } } }",
        { ids: [id] },
      );
      expect(without.data.devices).toEqual([{ id, certificate: null }]);
      const withIt = await gateway.ask(BY_INTERFACE, { ids: [id] });
      expect(withIt.data.devices).toEqual([null]);
    });
  });
}

/** In the order in which devices take turns. */
export const TYPES = [
  "TencentMqttDeviceCertificate",
  "TencentSslCertificate",
  "AliyunIotDeviceCertificate",
  "AliyunMqttDeviceCredential",
];

/** The certificate of connected device number n: products take turns. */
function toFleetCertificate({ fleet }: Emulator, product: number, index: number) {
  const certificate = fleet.products[product]?.at(index);
  if (certificate === undefined) throw new Error(`There is no product ${product}.`);
  return certificate;
}

/** What the second query answers for connected device number n; one before it has no certificate. */
function toDevice(number: number, id: string, provider: string, fields: object) {
  const name = `pump-${String(number + 1).padStart(4, "0")}`;
  return { name, certificate: { id, ...fields }, certificates: [{ id, provider }] };
}

function expectAllBut(devices: readonly unknown[], missing: number, availability: string): void {
  expect(devices).toMatchObject(
    devices.map((_, index) =>
      index === missing
        ? { certificate: null, certificateAvailability: availability }
        : { certificate: { status: expect.any(String) }, certificateAvailability: "AVAILABLE" },
    ),
  );
}

function countCalls({ calls }: Emulator): number {
  const counts: Partial<Record<ApiName, Record<string, { arrived: number }>>> = calls.toJson();
  return APIS.flatMap((api) => Object.values(counts[api] ?? {})).reduce(
    (sum, { arrived }) => sum + arrived,
    0,
  );
}

// What every gateway must deliver of certificates that the devices' own subgraph returns as stubs, or never names.
import { describe, expect, it, vi } from "vitest";
import { TYPES } from "./joined-queries.ts";
import type { Scene, TestGateway } from "./scene.ts";

/** What `startStubScene` makes, once it has. */
export interface StubScene {
  readonly scene: Scene;
  readonly gateway: TestGateway;
}

/** For a scene with stubs and a directory, and a gateway that waits for 4 seconds. */
export function describeStubQueries(read: () => StubScene): void {
  const listIds = () => [...read().scene.certificateIds.keys()];

  describe("certificates from the directory", () => {
    it("are delivered though the devices' own subgraph knows nothing of them", async () => {
      const { scene, gateway } = read();
      const ids = [...listIds().slice(0, 4), scene.deviceOfNone, scene.deviceOfUnknown];
      const { data, errors } = await gateway.ask(
        `query ($ids: [ID!]) {
          devices(ids: $ids) {
            id
            certificateAvailability
            certificate { __typename id ... on X509DeviceCertificate { daysUntilExpiry } }
            certificates { id }
          }
        }`,
        { ids },
      );
      expect(errors).toBeUndefined();
      expect(data.devices).toMatchObject([
        ...TYPES.map((type, index) => {
          const id = scene.certificateIds.get(ids[index] ?? "");
          return {
            certificateAvailability: "AVAILABLE",
            certificate: { __typename: type, id },
            certificates: [{ id }],
          };
        }),
        { certificateAvailability: "NONE", certificate: null, certificates: [] },
        { certificateAvailability: "NOT_FOUND", certificate: null, certificates: [null] },
      ]);
    });
  });

  describe("certificates from stubs", () => {
    it("are delivered by the interface", async () => {
      const { scene, gateway } = read();
      const ids = [...listIds().slice(0, 4), scene.deviceOfNone];
      const { data, errors } = await gateway.ask(
        "query ($ids: [ID!]) { devices(ids: $ids) { clientCertificate { __typename id status } } }",
        { ids },
      );
      expect(errors).toBeUndefined();
      expect(data.devices).toEqual([
        ...TYPES.map((type, index) => ({
          clientCertificate: {
            __typename: type,
            id: scene.certificateIds.get(ids[index] ?? ""),
            status: expect.any(String),
          },
        })),
        { clientCertificate: null },
      ]);
    });

    it("are delivered by concrete types", async () => {
      const { scene, gateway } = read();
      const { data, errors } = await gateway.ask(
        `query ($ids: [ID!]) {
          devices(ids: $ids) {
            clientCertificate {
              ... on TencentMqttDeviceCertificate { subject deviceCertificateSn }
              ... on AliyunIotDeviceCertificate { status deviceName }
            }
          }
        }`,
        { ids: listIds().slice(0, 4) },
      );
      expect(errors).toBeUndefined();
      const { tencentMqtt, aliyunIot } = scene.emulator.fleet;
      expect(data.devices).toEqual([
        {
          clientCertificate: {
            subject: expect.stringContaining("CN="),
            deviceCertificateSn: tencentMqtt.at(0).serialNumber,
          },
        },
        { clientCertificate: {} },
        {
          clientCertificate: {
            status: aliyunIot.at(2).expectedStatus,
            deviceName: aliyunIot.at(2).deviceName,
          },
        },
        { clientCertificate: {} },
      ]);
    });
  });

  describe("a gateway that gives up before the subgraph would have answered", () => {
    it("is served when it repeats its question, because the work went on", async () => {
      const { scene, gateway } = read();
      const { emulator, certificateIds } = scene;
      const id = listIds()[400] ?? "";
      const query = "query ($id: ID!) { device(id: $id) { certificate { id } } }";
      emulator.calls.reset();
      emulator.setFault("tencent-mqtt", { kind: "slow", latencyMs: 2_500 });
      expect((await gateway.ask(query, { id })).data.device.certificate).toBeNull();

      const granted = () =>
        ["DescribeDeviceCertificate", "DescribeDeviceCertificates"].reduce(
          (count, action) => count + emulator.calls.of("tencent-mqtt", action).granted,
          0,
        );
      await vi.waitFor(() => expect(granted()).toBe(1), { timeout: 15_000 });
      // From here on the cloud answers nobody.
      emulator.setFault("tencent-mqtt", { kind: "hang" });
      const { data, errors } = await gateway.ask(query, { id });
      emulator.setFault("tencent-mqtt", null);
      expect(errors).toBeUndefined();
      expect(data.device.certificate.id).toBe(certificateIds.get(id));
      expect(granted()).toBe(1);
    });
  });
}

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readExamples } from "../support/operations.ts";
import { type Scene, START_WITHIN_MS, startScene, type TestGateway } from "./scene.ts";

const examples = readExamples();
const PRODUCTS = [
  "TencentMqttDeviceCertificate",
  "TencentSslCertificate",
  "AliyunIotDeviceCertificate",
  "AliyunMqttDeviceCredential",
];

describe.each(["apollo", "hive"] as const)(
  "the operations of a frontend through the gateway %s",
  (name) => {
    let scene: Scene;
    let gateway: TestGateway;
    /** Devices with a certificate of each product, in the order of PRODUCTS. */
    let ids: readonly string[];

    beforeAll(async () => {
      scene = await startScene({
        wayToJoin: "directory",
        sections: {
          answer: { withinMs: 20_000 },
          // @apollo/gateway takes no schema with them.
          schema: { authorizationDirectives: false },
        },
      });
      gateway = await scene.startGateway(name);
      ids = [...scene.certificateIds.keys()].slice(0, 4);
    }, START_WITHIN_MS);

    afterAll(() => scene?.close());

    const ask = (operation: string, variables: Readonly<Record<string, unknown>>) =>
      gateway.ask(examples.get(operation) ?? "", variables);

    it("have a table of devices, with a row for each product and each reason that there is none", async () => {
      const all = [...ids, scene.deviceOfNone, scene.deviceOfUnknown];
      const { data, errors } = await ask("DeviceTable", { ids: all });
      expect(errors).toBeUndefined();
      const rows: readonly {
        readonly id: string;
        readonly certificateAvailability: string;
        readonly certificate: Readonly<Record<string, unknown>> | null;
      }[] = data.devices;
      expect(rows.map(({ id }) => id)).toEqual(all);
      expect(rows.map(({ certificate }) => certificate?.["__typename"])).toEqual([
        ...PRODUCTS,
        undefined,
        undefined,
      ]);
      expect(rows.map(({ certificateAvailability }) => certificateAvailability)).toEqual([
        ...PRODUCTS.map(() => "AVAILABLE"),
        "NONE",
        "NOT_FOUND",
      ]);
      for (const { certificate } of rows.slice(0, 3))
        expect(certificate).toMatchObject({
          commonName: expect.any(String),
          stale: false,
        });
      expect(rows[3]?.certificate).toMatchObject({ deviceAccessKeyId: expect.any(String) });
    });

    it("have a page and a badge of every device", async () => {
      for (const [place, id] of ids.entries()) {
        const page = await ask("DevicePage", { id });
        expect(page.errors).toBeUndefined();
        expect(page.data.device).toMatchObject({
          id,
          name: expect.any(String),
          certificateAvailability: "AVAILABLE",
          certificate: { __typename: PRODUCTS[place], fetchedAt: expect.any(String) },
        });
        const badge = await ask("DeviceExpiryBadge", { id });
        expect(badge.errors).toBeUndefined();
        expect(badge.data.device.certificate.status).toBe(page.data.device.certificate.status);
      }
    });

    it("have the certificates alone, as the subgraph has them", async () => {
      const certificateIds = ids.map((id) => scene.certificateIds.get(id));
      const table = await ask("CertificateTable", { ids: certificateIds });
      expect(table.errors).toBeUndefined();
      expect(table.data.deviceCertificates.map(({ id }: { id: string }) => id)).toEqual(
        certificateIds,
      );
      for (const operation of ["CertificatePage", "CertificatePem", "ExpiryBadge"]) {
        const { data, errors } = await ask(operation, { id: certificateIds[0] });
        expect([operation, errors]).toEqual([operation, undefined]);
        expect(data.deviceCertificate.id).toBe(certificateIds[0]);
      }
    });

    it("say what to show while a cloud fails", async () => {
      const id = [...scene.certificateIds.keys()][6];
      scene.emulator.setFault("aliyun-iot", { kind: "denied" });
      const { data } = await ask("DevicePage", { id });
      scene.emulator.setFault("aliyun-iot", null);
      expect(data.device).toMatchObject({ certificateAvailability: "DENIED", certificate: null });
    });

    // docs/frontends.md says so: when this fails, the page has to change.
    it("cannot defer a part", async () => {
      const { errors } = await ask("DevicePageDeferred", { id: ids[0] });
      expect(errors).toMatchObject([
        {
          message: 'Unknown directive "@defer".',
          extensions: { code: "GRAPHQL_VALIDATION_FAILED" },
        },
      ]);
    });
  },
);

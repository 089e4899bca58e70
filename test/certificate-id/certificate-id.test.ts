import "reflect-metadata";
import { describe, expect, it } from "vitest";
import {
  CERTIFICATE_ID_SEGMENTS,
  CertificateIdError,
  type CertificateIdInput,
  type CertificateIdParts,
  formatCertificateId,
  parseCertificateId,
} from "../../src/certificate-id/index.ts";
import { CertificateCatalog } from "../../src/device-certificate/certificate-id.ts";
import { products } from "../../src/providers/index.ts";

const EXAMPLES: readonly (readonly [string, CertificateIdParts])[] = [
  [
    "tencent-mqtt:default:mqtt-jbgwp4ae:0eef68A5",
    {
      product: "tencent-mqtt",
      connection: "default",
      instanceId: "mqtt-jbgwp4ae",
      deviceCertificateSn: "0eef68A5",
    },
  ],
  [
    "tencent-ssl:plant.2:eyxLKFt4",
    { product: "tencent-ssl", connection: "plant.2", certificateId: "eyxLKFt4" },
  ],
  [
    "aliyun-iot:default:a1B2:line%3A2 50%25",
    { product: "aliyun-iot", connection: "default", productKey: "a1B2", deviceName: "line:2 50%" },
  ],
  [
    "aliyun-mqtt:default:post-cn-0pp12gl:GID_test@@@泵",
    {
      product: "aliyun-mqtt",
      connection: "default",
      instanceId: "post-cn-0pp12gl",
      clientId: "GID_test@@@泵",
    },
  ],
];

function refuse(run: () => unknown): CertificateIdError {
  try {
    run();
  } catch (error) {
    if (error instanceof CertificateIdError) return error;
    throw error;
  }
  throw new Error("It was accepted, and should have been refused.");
}

describe("a certificate id", () => {
  it.each(EXAMPLES)("%s is built of its parts, and read into them", (id, parts) => {
    expect(formatCertificateId(parts)).toBe(id);
    expect(parseCertificateId(id)).toEqual(parts);
  });

  it("is on the connection default unless another is named", () => {
    expect(formatCertificateId({ product: "tencent-ssl", certificateId: "x" })).toBe(
      "tencent-ssl:default:x",
    );
  });

  it.each<[CertificateIdInput | object, string, string]>([
    [{ product: "tencent-tls", certificateId: "x" }, "product", "expected one of tencent-mqtt, "],
    [{ product: "toString", certificateId: "x" }, "product", "expected one of"],
    [{ product: "tencent-ssl" }, "CertificateId", "is missing"],
    [{ product: "tencent-ssl", certificateId: "" }, "CertificateId", "is empty"],
    [{ product: "tencent-ssl", certificateId: 7 }, "CertificateId", "is missing"],
    [{ product: "tencent-ssl", certificateId: "a\n" }, "CertificateId", "control characters"],
    [{ product: "tencent-ssl", certificateId: "\ud83d" }, "CertificateId", "well-formed"],
    [{ product: "tencent-ssl", connection: "", certificateId: "x" }, "connection", "is empty"],
    [{ product: "tencent-ssl", connection: "a:b", certificateId: "x" }, "connection", "letters"],
    [
      { product: "tencent-mqtt", instanceId: "i", deviceCertificateSn: "0x1" },
      "DeviceCertificateSn",
      "hexadecimal",
    ],
  ])("is not built of %j", (parts, segment, message) => {
    const error = refuse(() => formatCertificateId(parts as CertificateIdInput));
    expect(error.segment).toBe(segment);
    expect(error.message).toContain(`segment "${segment}"`);
    expect(error.message).toContain(message);
  });

  it.each([
    ["", "product"],
    ["tencent-ssl", "connection"],
    ["tencent-ssl:a b:x", "connection"],
    ["tencent-ssl:default", "CertificateId"],
    ["tencent-ssl:default:", "CertificateId"],
    ["tencent-ssl:default:x:y", "CertificateId"],
    ["tencent-ssl:default:50%", "CertificateId"],
    ["__proto__:default:x", "product"],
    ["tencent-mqtt:default:i:xyz", "DeviceCertificateSn"],
  ])("is not read from %j", (id, segment) => {
    const error = refuse(() => parseCertificateId(id));
    expect(error.segment).toBe(segment);
    expect(error.message).toContain(`segment "${segment}"`);
  });

  it("is not too long", () => {
    const certificateId = "x".repeat(1024);
    expect(
      refuse(() => formatCertificateId({ product: "tencent-ssl", certificateId })).message,
    ).toBe("Malformed certificate id: expected at most 1024 characters, got 1044.");
  });
});

describe("the server", () => {
  it("has the same products, with the same segments", () => {
    const served = products.map(({ prefix, key }) => [
      prefix,
      key.map(({ name, pattern }) => (pattern === undefined ? { name } : { name, pattern })),
    ]);
    expect(Object.fromEntries(served)).toEqual(CERTIFICATE_ID_SEGMENTS);
  });

  it("has an argument for each part", () => {
    for (const [, { product, connection, ...parts }] of EXAMPLES) {
      const served = products.find(({ prefix }) => prefix === product);
      expect(Object.keys(parts)).toEqual(served?.key.map(({ argument }) => argument));
      expect(connection).toBeDefined();
    }
  });

  it("reads the same values", () => {
    const catalog = new CertificateCatalog(
      products.flatMap((product) =>
        ["default", "plant.2"].map((connection) => ({
          product,
          connection,
          source: { fetch: () => [] },
        })),
      ),
    );
    for (const [id, { product, connection, ...parts }] of EXAMPLES) {
      const reference = catalog.resolveId(id);
      expect(reference.connected).toMatchObject({ product: { prefix: product }, connection });
      expect(reference.key).toEqual(Object.values(parts));
    }
  });
});

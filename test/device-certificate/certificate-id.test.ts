import "reflect-metadata";
import { describe, expect, it } from "vitest";
import { joinSegments } from "../../src/certificate-id/text.ts";
import {
  CertificateCatalog,
  type CertificateReference,
} from "../../src/device-certificate/certificate-id.ts";
import type { CertificateSource } from "../../src/device-certificate/product.ts";
import { products } from "../../src/providers/index.ts";
import { catchError } from "../support/refusal.ts";

const source: CertificateSource = { fetch: () => [] };
const catalog = new CertificateCatalog([
  ...products.map((product) => ({ product, connection: "default", source })),
  ...products
    .filter(({ cloud }) => cloud.name === "aliyun")
    .map((product) => ({ product, connection: "plant.2", source })),
]);

const SN = "0eef68a582b94254296e54ce754f94d707a59911";

describe("resolveId reads the ids of the contract", () => {
  it.each([
    [`tencent-mqtt:default:mqtt-jbgwp4ae:${SN}`, ["mqtt-jbgwp4ae", SN]],
    ["tencent-ssl:default:eyxLKFt4", ["eyxLKFt4"]],
    ["aliyun-iot:default:a1B2c3:pump-7", ["a1B2c3", "pump-7"]],
    ["aliyun-iot:plant.2:a1B2c3:pump-7", ["a1B2c3", "pump-7"]],
    ["aliyun-mqtt:default:post-cn-0pp12gl:GID_test@@@test", ["post-cn-0pp12gl", "GID_test@@@test"]],
    ["aliyun-mqtt:default:i:泵 7", ["i", "泵 7"]],
    ["aliyun-iot:default:a1:line%3A2%25", ["a1", "line:2%"]],
    ["aliyun-iot:default:a1:line%3a2", ["a1", "line:2"]],
    ["aliyun-iot:default:a1:%2525", ["a1", "%25"]],
    ["aliyun-iot:default:a1:%253A", ["a1", "%3A"]],
  ])("%s", (id, key) => {
    const reference = catalog.resolveId(id);
    expect(reference.key).toEqual(key);
    expect(reference.id).toBe(id);
  });

  it("finds the product and the connection that the id names", () => {
    const { connected } = catalog.resolveId("aliyun-iot:plant.2:a1:d");
    expect([connected.product.prefix, connected.connection]).toEqual(["aliyun-iot", "plant.2"]);
  });
});

describe("resolveId says which segment is wrong", () => {
  it.each([
    ["", 'segment "product"'],
    ["tencent-mqtt", 'segment "connection" is missing'],
    ["tencent-mqtt:", 'segment "connection"'],
    ["tencent-mqtt:default", 'segment "InstanceId" is missing'],
    ["tencent-mqtt:default:", 'segment "InstanceId" is empty'],
    ["tencent-mqtt:default:mqtt-1", 'segment "DeviceCertificateSn" is missing'],
    ["tencent-mqtt:default:mqtt-1:", 'segment "DeviceCertificateSn" is empty'],
    [`tencent-mqtt:default::${SN}`, 'segment "InstanceId" is empty'],
    ["tencent-mqtt:default:mqtt-1:not-hex", 'segment "DeviceCertificateSn"'],
    [`tencent-mqtt:default:mqtt-1:0x${SN}`, 'segment "DeviceCertificateSn"'],
    [`tencent-mqtt:default:mqtt-1:${SN} `, 'segment "DeviceCertificateSn"'],
    [`tencent-mqtt:default:mqtt-1:${"a".repeat(129)}`, 'segment "DeviceCertificateSn"'],
    [`tencent-mqtt:default:mqtt-1:${SN}:more`, 'behind segment "DeviceCertificateSn"'],
    ["tencent-ssl:default", 'segment "CertificateId" is missing'],
    ["tencent-ssl:default:", 'segment "CertificateId" is empty'],
    ["tencent-ssl:default:a:b", 'behind segment "CertificateId"'],
    ["aliyun-iot:default:a1", 'segment "DeviceName" is missing'],
    ["aliyun-iot:default::d", 'segment "ProductKey" is empty'],
    ["aliyun-iot:default:a1:line:2", 'behind segment "DeviceName"'],
    ["aliyun-iot:default:a1:50%", 'segment "DeviceName"'],
    ["aliyun-iot:default:a1:%2", 'segment "DeviceName"'],
    ["aliyun-iot:default:a1:%41", 'segment "DeviceName"'],
    ["aliyun-iot:default:a%20b:d", 'segment "ProductKey"'],
    ["aliyun-iot:default:a1:d\n", 'segment "DeviceName"'],
    ["aliyun-iot:default:a1:half a \ud83d", 'segment "DeviceName"'],
    ["aliyun-iot:default:a1:d\u0000", 'segment "DeviceName"'],
    ["aliyun-mqtt:default:i", 'segment "ClientId" is missing'],
    ["aliyun-mqtt:defa%ult:i:c", 'segment "connection"'],
  ])("%j", (id, segment) => {
    const { message, extensions } = catchError(() => catalog.resolveId(id));
    expect(message).toContain(segment);
    expect(extensions).toEqual({ code: "BAD_USER_INPUT" });
  });

  it("names the products that there are when the product is unknown", () => {
    const { message } = catchError(() => catalog.resolveId("aws-iot:default:x"));
    expect(message).toContain(
      "expected one of tencent-mqtt, tencent-ssl, aliyun-iot, aliyun-mqtt, got ",
    );
    expect(message).toContain('"aws-iot"');
  });

  it("compares the product with regard to case and spaces", () => {
    for (const id of ["Tencent-ssl:default:x", " tencent-ssl:default:x", "tencent-ssl :default:x"])
      expect(catchError(() => catalog.resolveId(id)).message).toContain('segment "product"');
  });

  it("does not take the name of an object's own property for a product or a connection", () => {
    for (const id of ["__proto__:default:x", "constructor:default:x"])
      expect(catchError(() => catalog.resolveId(id)).message).toContain('segment "product"');
    for (const name of ["__proto__", "constructor", "toString"])
      expect(catchError(() => catalog.resolveId(`tencent-ssl:${name}:x`)).message).toContain(
        'segment "connection"',
      );
  });

  it("names the connections that there are when the connection is unknown", () => {
    const { message } = catchError(() => catalog.resolveId("aliyun-iot:other:a1:d"));
    expect(message).toContain(
      'segment "connection": expected one configured for aliyun-iot (default, plant.2), got "other"',
    );
  });

  it("does not find a connection that only the other cloud has", () => {
    const { message } = catchError(() => catalog.resolveId("tencent-ssl:plant.2:x"));
    expect(message).toContain('segment "connection"');
  });

  it.each([[null], [undefined], [7], [true], [{}], [["tencent-ssl:default:x"]], [Symbol("id")]])(
    "refuses %o, which is no text",
    (id) => {
      const { message, extensions } = catchError(() => catalog.resolveId(id));
      expect(message).toContain("expected a string");
      expect(extensions["code"]).toBe("BAD_USER_INPUT");
    },
  );

  it("refuses an enormous text without repeating it", () => {
    const { message } = catchError(() => catalog.resolveId("tencent-ssl:".padEnd(1_000_000, "x")));
    expect(message.length).toBeLessThan(200);
  });

  it("shortens what it repeats of a long segment", () => {
    const long = "p".repeat(500);
    const { message } = catchError(() => catalog.resolveId(`${long}:default:x`));
    expect(message).not.toContain(long);
  });
});

describe("one certificate has one canonical id", () => {
  const canonicalOf = (sn: string) => catalog.resolveId(`tencent-mqtt:default:i:${sn}`).canonicalId;

  it("whatever the case and the leading zeros of a Tencent MQTT serial number", () => {
    const spellings = [SN, SN.toUpperCase(), SN.slice(1), `000${SN}`, `0${SN.toUpperCase()}`];
    expect(new Set(spellings.map(canonicalOf)).size).toBe(1);
  });

  it("and keeps the last zero of a number that is all zeros", () => {
    expect(canonicalOf("000")).toBe(canonicalOf("0"));
    expect(canonicalOf("0")).toMatch(/:0$/);
  });

  it("and other serial numbers have others", () => {
    expect(canonicalOf("10")).not.toBe(canonicalOf("1"));
  });

  it("and the spelling that was asked with stays the id", () => {
    const id = `tencent-mqtt:default:i:${SN.toUpperCase()}`;
    expect(catalog.resolveId(id).id).toBe(id);
  });

  it("whichever way a colon is escaped", () => {
    const [upper, lower] = ["%3A", "%3a"].map((colon) =>
      catalog.resolveId(`aliyun-iot:default:a1:x${colon}y`),
    );
    expect(upper?.canonicalId).toBe(lower?.canonicalId);
    expect(lower?.id).toBe("aliyun-iot:default:a1:x%3ay");
  });

  it("while the other products tell cases and zeros apart", () => {
    const ids = ["tencent-ssl:default:0aB", "tencent-ssl:default:0ab", "tencent-ssl:default:ab"];
    expect(new Set(ids.map((id) => catalog.resolveId(id).canonicalId)).size).toBe(3);
  });
});

describe("resolveKey takes the arguments of a product's root field", () => {
  const resolve = (product: string, connection: string, ...key: string[]): CertificateReference =>
    catalog.resolveKey(product, connection, key);

  it("without any escaping, and answers with the id", () => {
    const { id, key } = resolve("aliyun-iot", "default", "a1", "line:2 50%3A");
    expect(key).toEqual(["a1", "line:2 50%3A"]);
    expect(id).toBe("aliyun-iot:default:a1:line%3A2 50%253A");
    expect(catalog.resolveId(id).key).toEqual(key);
  });

  it.each([
    [["tencent-mqtt", "default", "", SN], 'segment "InstanceId" is empty'],
    [["tencent-mqtt", "default", "i", "xyz"], 'segment "DeviceCertificateSn"'],
    [["tencent-ssl", "other", "x"], 'segment "connection"'],
    [["aliyun-iot", "default", "a1", "d\r\nX-Injected: 1"], 'segment "DeviceName"'],
  ] as const)("%j is malformed", ([product, connection, ...key], segment) => {
    const { message, extensions } = catchError(() => resolve(product, connection, ...key));
    expect(message).toContain(segment);
    expect(extensions["code"]).toBe("BAD_USER_INPUT");
  });

  it("refuses a key that is too long for any cloud", () => {
    const { extensions } = catchError(() => resolve("tencent-ssl", "default", "x".repeat(5000)));
    expect(extensions["code"]).toBe("BAD_USER_INPUT");
  });
});

describe("joinSegments", () => {
  it("escapes percent signs and colons, and nothing else", () => {
    expect(joinSegments("aliyun-mqtt", "default", ["post:cn", "GID@@@a b/ü?%3A"])).toBe(
      "aliyun-mqtt:default:post%3Acn:GID@@@a b/ü?%253A",
    );
  });
});

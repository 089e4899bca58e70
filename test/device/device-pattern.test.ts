import "reflect-metadata";
import { describe, expect, it } from "vitest";
import { createDevicePattern, PatternError } from "../../src/device/device-pattern.ts";
import { products } from "../../src/providers/index.ts";

const forms = products.map(({ prefix, key }) => ({ prefix, key, connections: ["default", "b.2"] }));
const create = (device: string, certificate: string) =>
  createDevicePattern({ device, certificate }, forms);

describe("a pattern makes the certificate id of a device", () => {
  it.each([
    ["{p}.{d}", "aliyun-iot:default:{p}:{d}", "a1B2.pump-7", "aliyun-iot:default:a1B2:pump-7"],
    ["{d}@{p}", "aliyun-iot:b.2:{p}:{d}", "pump@a1", "aliyun-iot:b.2:a1:pump"],
    ["{id}", "tencent-ssl:default:{id}", "eyxLKFt4", "tencent-ssl:default:eyxLKFt4"],
    ["dev-{id}", "tencent-ssl:default:x{id}y", "dev-7", "tencent-ssl:default:x7y"],
    ["{id}-x", "tencent-ssl:default:{id}", "a-x-x", "tencent-ssl:default:a-x"],
    ["{a}--{b}", "aliyun-iot:default:{a}:{b}", "-----", "aliyun-iot:default:-:--"],
    [
      "{g}/{c}",
      "aliyun-mqtt:default:i:GID_{g}@@@{c}",
      "g/泵 7",
      "aliyun-mqtt:default:i:GID_g@@@泵 7",
    ],
    ["gateway", "tencent-ssl:default:abc", "gateway", "tencent-ssl:default:abc"],
    ["{unused}/{d}", "tencent-ssl:default:{d}", "x/y", "tencent-ssl:default:y"],
    ["{d}", "tencent-ssl:default:{d}{d}", "ab", "tencent-ssl:default:abab"],
  ])("%s -> %s makes of %s %s", (device, certificate, deviceId, id) => {
    expect(create(device, certificate)(deviceId)).toBe(id);
  });

  it("gives each name from the left no more than it must have, and the last one the rest", () => {
    const pattern = create("{p}.{d}", "aliyun-iot:default:{p}:{d}");
    expect(pattern("a.b.c")).toBe("aliyun-iot:default:a:b.c");
    expect(pattern("..x")).toBe("aliyun-iot:default:.:x");
  });

  it("escapes what the form of ids needs escaped, and reads its own escapes", () => {
    const pattern = create("{d}", "aliyun-iot:default:a%3Ab%25:{d}");
    expect(pattern("50%:x")).toBe("aliyun-iot:default:a%3Ab%25:50%25%3Ax");
  });

  it("takes a value that looks like a name for the text that it is", () => {
    const pattern = create("{p}.{d}", "aliyun-iot:default:{p}:{d}");
    expect(pattern("{d}.{p}")).toBe("aliyun-iot:default:{d}:{p}");
    expect(pattern("$&.$1")).toBe("aliyun-iot:default:$&:$1");
  });
});

describe("a pattern is not about a device", () => {
  it.each([
    ["{p}.{d}", "aliyun-iot:default:{p}:{d}", ["", ".", "a", "a.", ".b", "ab"]],
    ["dev-{d}", "tencent-ssl:default:{d}", ["dev-", "DEV-1", "xdev-1", "de"]],
    ["{d}-x", "tencent-ssl:default:{d}", ["-x", "a-y", "a-x "]],
    ["a{d}a", "tencent-ssl:default:{d}", ["a", "aa", "ab"]],
    ["gateway", "tencent-ssl:default:abc", ["gateway2", "gatewa", "xgateway"]],
    ["{x}a{y}ab", "aliyun-iot:default:{x}:{y}", ["1a2a", "1aab", "1ab"]],
  ])("%s -> %s", (device, certificate, others) => {
    for (const other of others) expect(create(device, certificate)(other)).toBeUndefined();
  });

  it("when what it makes is no id of the product", () => {
    const pattern = create("{i}/{sn}", "tencent-mqtt:default:{i}:{sn}");
    expect(pattern("mqtt-1/0aFF")).toBe("tencent-mqtt:default:mqtt-1:0aFF");
    for (const other of ["mqtt-1/pump", "mqtt-1/0aFF\n", "\u0000/1", `${"x".repeat(1020)}/1`])
      expect(pattern(other)).toBeUndefined();
  });

  it("and finds that out in a time that grows with the id alone", () => {
    const pattern = create("{a}-{b}-{c}-{d}-{e}-{f}-{g}.x", "tencent-ssl:default:{a}");
    expect(pattern("-".repeat(1_000_000))).toBeUndefined();
  });
});

describe("a pattern that could not work is refused", () => {
  it.each([
    ["{a", "tencent-ssl:default:x", "device", "brace"],
    ["a}", "tencent-ssl:default:x", "device", "brace"],
    ["{}", "tencent-ssl:default:x", "device", "brace"],
    ["{1a}", "tencent-ssl:default:x", "device", "brace"],
    ["{a b}", "tencent-ssl:default:x", "device", "brace"],
    ["{{a}}", "tencent-ssl:default:x", "device", "brace"],
    ["{a}{b}", "tencent-ssl:default:{a}", "device", "between {a} and {b}"],
    ["{a}.{a}", "tencent-ssl:default:{a}", "device", "{a} twice"],
    ["{a}", "tencent-ssl:default:{b}", "certificate", "{b}, which device does not have ({a})"],
    ["a", "tencent-ssl:default:{b}", "certificate", "(none)"],
    ["{a}", "tencent-ssl:default:{a", "certificate", "brace"],
    ["{a}", "{a}", "certificate", 'segment "product"'],
    ["{a}", "tencent-tls:default:{a}", "certificate", 'segment "product"'],
    ["{a}", "tencent-ssl", "certificate", 'segment "connection" is missing'],
    ["{a}", "tencent-ssl:other:{a}", "certificate", "(default, b.2)"],
    ["{a}", "tencent-ssl:{a}:x", "certificate", 'segment "connection"'],
    ["{a}", "tencent-ssl:default", "certificate", 'segment "CertificateId" is missing'],
    ["{a}", "tencent-ssl:default:", "certificate", 'segment "CertificateId" is empty'],
    ["{a}", "tencent-ssl:default:{a}:x", "certificate", 'behind segment "CertificateId"'],
    ["{a}", "aliyun-iot:default:{a}", "certificate", 'segment "DeviceName" is missing'],
    ["{a}", "aliyun-iot:default:50%{a}:x", "certificate", 'segment "ProductKey"'],
    ["{a}", "tencent-mqtt:default:{a}:xyz", "certificate", 'segment "DeviceCertificateSn"'],
    ["{a}", `tencent-ssl:default:{a}${"x".repeat(1024)}`, "certificate", "at most 1024"],
  ])("%s -> %s", (device, certificate, part, message) => {
    let refusal: unknown;
    try {
      create(device, certificate);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toBeInstanceOf(PatternError);
    expect(refusal).toMatchObject({ part, message: expect.stringContaining(message) });
  });
});

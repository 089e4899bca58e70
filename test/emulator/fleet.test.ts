import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createFleet, listCanaries } from "../../src/emulator/fleet.ts";
import type { X509Facts } from "../../src/emulator/fleet-x509.ts";

const run = promisify(execFile);
const NOW = new Date("2026-06-15T00:00:00Z");
const fleet = createFleet({ seed: "test", size: 180, now: NOW });

const mqttFacts = fleet.tencentMqtt.all().map(({ x509 }) => x509);
const iotFacts = fleet.aliyunIot.all().flatMap(({ x509 }) => (x509 === null ? [] : [x509]));
const everyFacts = [...mqttFacts, ...iotFacts];

describe("a fleet", () => {
  it("has the same bytes for the same seed, size and day", () => {
    const again = createFleet({ seed: "test", size: 180, now: NOW });
    expect(toEverything(again)).toEqual(toEverything(fleet));
  });

  it("is another one for another seed", () => {
    const other = createFleet({ seed: "other", size: 180, now: NOW });
    const known = new Set(listCanaries(fleet));
    expect(listCanaries(other).some((canary) => known.has(canary))).toBe(false);
    expect(other.tencentMqtt.at(0).id).not.toBe(fleet.tencentMqtt.at(0).id);
  });

  it("has ids of the contract's form, each of them once", () => {
    const ids = fleet.products.flatMap((product) => product.ids());
    expect(new Set(ids).size).toBe(4 * 180);
    for (const id of ids) {
      expect(id).toMatch(
        /^(tencent-mqtt|tencent-ssl|aliyun-iot|aliyun-mqtt):default(:[^:]+){1,2}$/,
      );
    }
    expect(fleet.aliyunIot.at(6).id).toBe("aliyun-iot:default:a1emulX509A:line%3A2@hall.b_000006");
    expect(fleet.aliyunMqtt.at(5).id).toContain("(50%25+*'~!) 000005");
  });

  it("finds what it lists, and nothing else", () => {
    for (const product of fleet.products) {
      for (const { key, index } of product.all()) {
        expect(product.find(...key)?.index).toBe(index);
      }
      expect(product.find("nobody", "nothing")).toBeUndefined();
      expect(() => product.at(180)).toThrow(RangeError);
    }
  });

  it("plants a secret of its own wherever the clouds send one", () => {
    const canaries = listCanaries(fleet);
    expect(new Set(canaries).size).toBe(canaries.length);
    expect(canaries.every((canary) => /^CANARY-[0-9a-f]{24}$/.test(canary))).toBe(true);
    const {
      canaries: [password],
    } = fleet.tencentSsl.at(1);
    expect(fleet.tencentSsl.at(1).toDetail()).toMatchObject({
      SubmittedData: { KeyPassword: password },
    });
    expect(fleet.aliyunIot.at(0).toItem().PrivateKey).toContain(fleet.aliyunIot.at(0).canaries[0]);
    expect([fleet.aliyunMqtt.at(0).item.DeviceAccessKeySecret]).toEqual(
      fleet.aliyunMqtt.at(0).canaries,
    );
  });

  it("shows every status in each MQTT instance, and all sixteen of SSL", () => {
    for (const instanceId of new Set(fleet.tencentMqtt.all().map((one) => one.instanceId))) {
      const own = fleet.tencentMqtt.all().filter((one) => one.instanceId === instanceId);
      expect(new Set(own.map(({ status }) => status))).toEqual(
        new Set(["ACTIVE", "INACTIVE", "REVOKED", "PENDING_ACTIVATION", "ARCHIVED"]),
      );
      expect(new Set(own.map(({ x509 }) => x509.validity)).size).toBe(5);
      expect(own.some(({ serialNumber }) => serialNumber.length === 39)).toBe(true);
    }
    expect(new Set(fleet.tencentSsl.all().map(({ statusCode }) => statusCode)).size).toBe(16);
    expect(new Set(fleet.aliyunIot.all().map(({ status }) => status))).toEqual(new Set([0, 1, 2]));
  });

  it("has the odd values of the real answers", () => {
    const details = fleet.tencentSsl.all().map((certificate) => certificate.toDetail());
    const items = fleet.tencentSsl.all().map((certificate) => certificate.toItem());
    expect(new Set(details.map(({ CertEndTime }) => CertEndTime))).toContain(null);
    for (const odd of ["", "--", "0000-00-00 00:00:00"]) {
      expect(details.some(({ CertEndTime }) => CertEndTime === odd)).toBe(true);
    }
    expect(
      details.some(({ CAEndTimes }) => String(CAEndTimes).startsWith("2044-11-06 08:00:0,")),
    ).toBe(true);
    expect(details.some(({ PackageType }) => PackageType === null)).toBe(true);
    expect(items.every(({ ValidationPassedTime }) => ValidationPassedTime === "--")).toBe(true);
    const encodings = fleet.aliyunIot.all().map(({ encoding }) => encoding);
    expect(encodings.filter((encoding) => encoding === "bareBase64")).toHaveLength(60);
    expect(fleet.tencentMqtt.at(0).facts.LastInactivationTime).toBe(0);
    expect(fleet.tencentMqtt.at(4).toItem().DeviceCertificate.match(/BEGIN/g)).toHaveLength(2);
  });

  it("states SSL times in GMT+8", () => {
    const { notAfter } = fleet.tencentSsl.at(0);
    const { CertEndTime } = fleet.tencentSsl.at(0).toDetail();
    expect(Date.parse(`${String(CertEndTime).replace(" ", "T")}+08:00`)).toBe(notAfter?.getTime());
  });

  it("keeps its states for a day after the day that it was made for", () => {
    const [dayMs, later] = [86_400_000, NOW.getTime() + 86_400_000];
    for (const { validity, notBefore, notAfter } of everyFacts) {
      const state =
        notAfter.getTime() < later
          ? "expired"
          : notBefore.getTime() > later
            ? "notYetValid"
            : notAfter.getTime() - later < 30 * dayMs
              ? "expiringSoon"
              : "valid";
      expect(validity === "longLived" ? "valid" : validity).toBe(state);
    }
  });
});

describe("the certificates of a fleet", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "fleet-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("say what the fleet says of them when Node reads them", () => {
    for (const facts of everyFacts) {
      const read = new X509Certificate(facts.certificate.pem);
      expect(BigInt(`0x${read.serialNumber}`)).toBe(facts.serialNumber);
      expect(new Date(read.validFrom)).toEqual(facts.notBefore);
      expect(new Date(read.validTo)).toEqual(facts.notAfter);
      expect(read.fingerprint256).toBe(facts.certificate.fingerprintSha256);
      expect(read.toLegacyObject().subject.CN).toBe(facts.commonName);
      expect(read.verify(new X509Certificate(facts.authority.certificate.pem).publicKey)).toBe(
        true,
      );
    }
  });

  it("have keys of several types and sizes that can be loaded", () => {
    const kinds = everyFacts.map((facts) => {
      const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(facts.certificate.pem)
        .publicKey;
      const size = asymmetricKeyDetails?.modulusLength ?? asymmetricKeyDetails?.namedCurve ?? "";
      return `${facts.publicKeyAlgorithm} ${facts.publicKeyBits} ${asymmetricKeyType} ${size}`.trim();
    });
    expect([...new Set(kinds)].sort()).toEqual([
      "EC 256 ec prime256v1",
      "EC 384 ec secp384r1",
      "Ed25519 256 ed25519",
      "RSA 2048 rsa 2048",
      "RSA 3072 rsa 3072",
    ]);
  });

  it("are accepted by OpenSSL, chain and strict rules included", async () => {
    const sample = sampleOf(
      everyFacts,
      (facts) => `${facts.publicKeyAlgorithm}${facts.publicKeyBits}`,
    );
    for (const facts of sample) {
      const [leaf, authority] = [join(folder, "leaf.pem"), join(folder, "authority.pem")];
      await writeFile(leaf, facts.certificate.pem);
      await writeFile(authority, facts.authority.certificate.pem);
      const { stdout } = await run("openssl", [
        "verify",
        "-x509_strict",
        "-no_check_time",
        "-CAfile",
        authority,
        leaf,
      ]);
      expect(stdout).toBe(`${leaf}: OK\n`);
    }
  });

  it("show their names and alternative names in OpenSSL", async () => {
    const sample = sampleOf(everyFacts, ({ commonName }) => commonName.replace(/\d+/, ""));
    for (const facts of sample) {
      const file = join(folder, "named.pem");
      await writeFile(file, facts.certificate.pem);
      const { stdout } = await run("openssl", [
        ..."x509 -noout -subject -ext subjectAltName -fingerprint -sha256 -in".split(" "),
        file,
        ...["-nameopt", "sep_multiline,utf8,sname"],
      ]);
      expect(stdout).toContain(`CN=${facts.commonName}\n`);
      expect(stdout).toContain(`sha256 Fingerprint=${facts.certificate.fingerprintSha256}`);
      for (const { kind, value } of facts.subjectAltNames) {
        expect(stdout).toContain(kind === "ip" ? value.toUpperCase() : value);
      }
    }
  });
});

function sampleOf(all: readonly X509Facts[], kindOf: (facts: X509Facts) => string): X509Facts[] {
  return [...new Map(all.map((facts) => [kindOf(facts), facts])).values()];
}

function toEverything(whole: typeof fleet): unknown {
  return {
    mqtt: whole.tencentMqtt.all().map((certificate) => certificate.toItem()),
    ssl: whole.tencentSsl
      .all()
      .map((certificate) => [certificate.toDetail(), certificate.toItem()]),
    iot: whole.aliyunIot.all().map((certificate) => certificate.toItem()),
    credentials: whole.aliyunMqtt.all().map(({ item }) => item),
  };
}

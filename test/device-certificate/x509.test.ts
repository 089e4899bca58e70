import { describe, expect, it } from "vitest";
import { CertificateBundle, type X509Facts } from "../../src/device-certificate/x509.ts";
import { createFleet } from "../../src/emulator/index.ts";
import { describeWithOpenssl, openWorkshop } from "../support/openssl.ts";

const workshop = openWorkshop();

function read(text: string): X509Facts {
  const facts = CertificateBundle.from(text)?.facts;
  if (!facts) throw new Error("Expected a readable certificate");
  return facts;
}

describe("the facts of a certificate are those that OpenSSL prints", () => {
  const rsa = (bits: number) => ["-newkey", `rsa:${bits}`];
  const ec = (curve: string) => ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`];

  it.each([
    ["RSA of 2048 bits", rsa(2048), "RSA", 2048],
    ["RSA of an odd size", rsa(1032), "RSA", 1032],
    ["RSA-PSS", ["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], "RSA-PSS", 2048],
    ["P-224", ec("secp224r1"), "EC", 224],
    ["P-256", ec("prime256v1"), "EC", 256],
    ["P-384", ec("secp384r1"), "EC", 384],
    ["P-521", ec("secp521r1"), "EC", 521],
    ["secp256k1", ec("secp256k1"), "EC", 256],
    ["Brainpool of 320 bits", ec("brainpoolP320r1"), "EC", 320],
    ["SM2", ec("SM2"), "SM2", 256],
  ])("with a key of the kind %s", (_, newKey, publicKeyAlgorithm, publicKeyBits) => {
    const { pem } = workshop.make({ subject: ["CN=device"], newKey });
    expect(describeWithOpenssl(pem).publicKeyBits).toBe(publicKeyBits);
    expect(read(pem)).toMatchObject({ ...describeWithOpenssl(pem), publicKeyAlgorithm });
  });

  it.each([
    ["Ed25519", 256],
    ["Ed448", 456],
  ])("with a key of the kind %s, whose size OpenSSL does not print", (kind, publicKeyBits) => {
    const { pem } = workshop.make({ subject: ["CN=device"], newKey: ["-newkey", kind] });
    const { publicKeyBits: _, ...printed } = describeWithOpenssl(pem);
    expect(read(pem)).toMatchObject({ ...printed, publicKeyAlgorithm: kind, publicKeyBits });
  });

  it.each([
    ["plain", ["C=CN", "O=Example", "OU=Assembly", "CN=device"]],
    ["not ASCII", ["O=示例设备", "OU=Größenprüfung", "CN=设备 🔒"]],
    [
      "with all that RFC 4514 escapes",
      ["O=a, b; c", "OU=x<y>z", 'CN=plus+equals=quote\\"back\\\\'],
    ],
    ["with spaces at both ends", ['CN=" device "']],
    ["with a hash in front", ["CN=\\#7"]],
    ["with a line end inside", ["O=two\\nlines", "CN=device"]],
    ["with several units", ["0.OU=outer", "1.OU=inner", "CN=device"]],
    ["with components and a mail address", ["DC=com", "UID=7", "emailAddress=a@example.com"]],
    ["with types that have long names", ["serialNumber=7", "street=1 Road", "title=Dr", "CN=d"]],
    ["with a type that has no name", ["O=Example", "dotted.1.2.3.4.5.6=Halle 7", "CN=device"]],
  ])("with a subject %s", (_, subject) => {
    const { pem } = workshop.make({ subject });
    expect(read(pem)).toMatchObject(describeWithOpenssl(pem));
  });

  it.each([["1"], ["0x0eef"], ["0x7f"], ["0x80"], ["0x0eef68a582b94254296e54ce754f94d707a59911"]])(
    "with the serial number %s",
    (serial) => {
      const { pem } = workshop.make({ subject: ["CN=device"], serial });
      expect(read(pem).serialNumber).toBe(describeWithOpenssl(pem).serialNumber);
    },
  );

  it("with an end beyond 2050, which is written in another type", () => {
    const { pem } = workshop.make({ subject: ["CN=device"], days: 36_500 });
    expect(read(pem).notAfter).toEqual(describeWithOpenssl(pem).notAfter);
    expect(read(pem).notAfter.getUTCFullYear()).toBeGreaterThan(2100);
  });
});

describe("the common name and the organizational unit", () => {
  const namesOf = (...subject: string[]) => {
    const { commonName, organizationalUnit } = read(workshop.make({ subject }).pem);
    return { commonName, organizationalUnit };
  };

  it("are not escaped", () => {
    expect(namesOf("OU=\\#a, b; <c>", 'CN=" plus+equals=\\"back\\\\slash "')).toEqual({
      organizationalUnit: "#a, b; <c>",
      commonName: ' plus+equals="back\\slash ',
    });
  });

  it("keep letters that are not ASCII", () => {
    expect(namesOf("OU=车间二", "CN=Gerät 🔒").commonName).toBe("Gerät 🔒");
  });

  it("are the most specific where there are several", () => {
    expect(namesOf("0.OU=outer", "1.OU=inner", "0.CN=first", "1.CN=second")).toEqual({
      organizationalUnit: "inner",
      commonName: "second",
    });
  });

  it("are found where one name has both", () => {
    expect(namesOf("O=Example", "OU=unit", "+CN=device")).toEqual({
      organizationalUnit: "unit",
      commonName: "device",
    });
  });

  it("are found behind a value that ends with a backslash", () => {
    expect(namesOf("CN=device\\\\", "+OU=unit")).toEqual({
      organizationalUnit: "unit",
      commonName: "device\\",
    });
  });

  it("are null where the subject has none", () => {
    const none = { commonName: null, organizationalUnit: null };
    expect(namesOf("O=CN=no common name")).toEqual(none);
  });
});

describe("the subject alternative names", () => {
  const altNamesOf = (...altNames: string[]) =>
    read(workshop.make({ subject: ["CN=device"], altNames }).pem).subjectAltNames;

  it("come without their kind, in the order of the certificate", () => {
    expect(
      altNamesOf(
        "DNS.1=a.example.com",
        "DNS.2=*.example.com",
        "IP.1=10.0.0.1",
        "URI.1=urn:example:device:1",
        "email.1=device@example.com",
      ),
    ).toEqual([
      "a.example.com",
      "*.example.com",
      "10.0.0.1",
      "urn:example:device:1",
      "device@example.com",
    ]);
  });

  it("hold IPv6 addresses in their short form", () => {
    expect(altNamesOf("IP.1=fd00::1", "IP.2=2001:db8:0:1::", "IP.3=::1")).toEqual([
      "fd00::1",
      "2001:db8:0:1::",
      "::1",
    ]);
  });

  it("hold a name with commas and colons as one", () => {
    expect(altNamesOf("URI.1=spiffe://example.com/a\\,b?c=DNS:d", "DNS.1=e.example")).toEqual([
      "spiffe://example.com/a,b?c=DNS:d",
      "e.example",
    ]);
  });

  it("hold a name that looks like several as one", () => {
    expect(altNamesOf("URI.1=https://a\\, DNS:evil.example")).toEqual([
      "https://a, DNS:evil.example",
    ]);
  });

  it("hold other kinds as they are printed", () => {
    expect(altNamesOf("RID.1=1.2.3.4", "dirName.1=inner")).toEqual(["1.2.3.4", "CN=inner\\, name"]);
  });

  it("are null in a certificate without the extension", () => {
    expect(read(workshop.make({ subject: ["CN=device"] }).pem).subjectAltNames).toBeNull();
  });
});

describe("the emulated fleet's certificates", () => {
  const fleet = createFleet({ seed: "x509", size: 18, now: new Date("2026-11-22T00:00:00Z") });

  it("read as OpenSSL reads them", () => {
    for (const { certificate } of fleet.tencentMqtt.all().map(({ x509 }) => x509)) {
      const { publicKeyBits, ...printed } = describeWithOpenssl(certificate.pem);
      expect(read(certificate.pem)).toMatchObject(printed);
      if (!Number.isNaN(publicKeyBits))
        expect(read(certificate.pem).publicKeyBits).toBe(publicKeyBits);
    }
  });

  it("have the names, dates and keys that they were ordered with", () => {
    for (const { x509 } of fleet.tencentMqtt.all()) {
      expect(read(x509.certificate.pem)).toMatchObject({
        commonName: x509.commonName,
        organizationalUnit: x509.organizationalUnit,
        notBefore: x509.notBefore,
        notAfter: x509.notAfter,
        fingerprintSha256: x509.certificate.fingerprintSha256,
        publicKeyAlgorithm: x509.publicKeyAlgorithm,
        publicKeyBits: x509.publicKeyBits,
        pem: x509.certificate.pem,
      });
    }
  });
});

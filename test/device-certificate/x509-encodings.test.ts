import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { CertificateBundle } from "../../src/device-certificate/x509.ts";
import { openWorkshop } from "../support/openssl.ts";

const workshop = openWorkshop();
const root = workshop.make({ subject: ["CN=Root"], isAuthority: true });
const middle = workshop.make({ subject: ["CN=Middle"], isAuthority: true, issuer: root });
const leaf = workshop.make({ subject: ["CN=device"], issuer: middle });

const bodyOf = (pem: string) => pem.replace(/-----[^-]+-----/g, "").replace(/\s/g, "");
const bare = bodyOf(leaf.pem);

const read = (text: string | null | undefined) => CertificateBundle.from(text)?.facts ?? null;

describe("a certificate is read in whichever way the cloud writes it", () => {
  it.each([
    ["PEM", leaf.pem],
    ["PEM without a line end behind it", leaf.pem.trimEnd()],
    ["PEM with CRLF", leaf.pem.replaceAll("\n", "\r\n")],
    ["PEM with \\n written out", leaf.pem.replaceAll("\n", "\\n")],
    ["PEM with \\r\\n written out", leaf.pem.replaceAll("\n", "\\r\\n")],
    ["PEM in one line", leaf.pem.replaceAll("\n", "")],
    ["PEM with spaces in place of line ends", leaf.pem.replaceAll("\n", " ")],
    ["PEM of one base64 line", `-----BEGIN CERTIFICATE-----\n${bare}\n-----END CERTIFICATE-----`],
    ["PEM within other text", `subject=CN = device\n${leaf.pem}\nthe end`],
    ["PEM behind a byte order mark", `\ufeff${leaf.pem}`],
    ["PEM with the older label", leaf.pem.replaceAll(" CERTIFICATE", " X509 CERTIFICATE")],
    ["bare base64", bare],
    ["bare base64 in lines", bare.replace(/.{64}/g, "$&\n")],
    ["bare base64 between spaces", `  ${bare}\r\n`],
    ["base64 of PEM", Buffer.from(leaf.pem).toString("base64")],
    ["base64 of PEM in lines", Buffer.from(leaf.pem).toString("base64").replace(/.{76}/g, "$&\n")],
  ])("%s", (_, text) => {
    const facts = read(text);
    expect(facts?.pem).toBe(leaf.pem);
    expect(facts?.pemChain).toEqual([leaf.pem]);
    expect(facts?.commonName).toBe("device");
  });

  it.each([
    ["null", null],
    ["nothing at all", undefined],
    ["an empty text", ""],
    ["spaces", " \n "],
    ["a word", "pending"],
    ["the masked text of the vendor's examples", "tXHf4ezdEHfp8kHPhFmk8NB8fP8****"],
    ["base64 of something else", Buffer.from("hello, world").toString("base64")],
    ["a PEM with nothing in it", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"],
    ["a PEM without its end", leaf.pem.slice(0, 300)],
    ["a PEM with half of its content", leaf.pem.split("\n").toSpliced(3, 2).join("\n")],
    ["half of bare base64", bare.slice(0, 200)],
    ["a signing request's frame", leaf.pem.replaceAll("CERTIFICATE", "CERTIFICATE REQUEST")],
  ])("and %s is no certificate", (_, text) => {
    expect(read(text)).toBeNull();
  });
});

describe("a chain", () => {
  const commonNames = (text: string) =>
    read(text)?.pemChain.map((pem) => CertificateBundle.from(pem)?.facts?.commonName);

  it("has the leaf first and keeps the order behind it", () => {
    expect(commonNames(leaf.pem + middle.pem + root.pem)).toEqual(["device", "Middle", "Root"]);
  });

  it.each([
    ["backwards", root.pem + middle.pem + leaf.pem],
    ["with the leaf in the middle", middle.pem + leaf.pem + root.pem],
  ])("that comes %s has the leaf first all the same", (_, text) => {
    expect(read(text)?.commonName).toBe("device");
    expect(commonNames(text)?.[0]).toBe("device");
    expect(commonNames(text)?.toSorted()).toEqual(["Middle", "Root", "device"]);
  });

  it("with CRLF, or with text between the certificates, is the same chain", () => {
    const chain = [leaf.pem, middle.pem];
    expect(read(chain.join("junk\r\n").replaceAll("\n", "\r\n"))?.pemChain).toEqual(chain);
  });

  it("of strangers has the first for its leaf", () => {
    const stranger = workshop.make({ subject: ["CN=stranger"] });
    expect(read(leaf.pem + stranger.pem)?.commonName).toBe("device");
    expect(read(stranger.pem + leaf.pem)?.commonName).toBe("stranger");
  });

  it("with one unreadable certificate consists of the others", () => {
    const broken = "-----BEGIN CERTIFICATE-----\nMAMwAQI=\n-----END CERTIFICATE-----\n";
    expect(read(broken + leaf.pem + middle.pem)?.pemChain).toEqual([leaf.pem, middle.pem]);
  });

  it("that names one certificate twice does not lose it", () => {
    expect(read(leaf.pem + leaf.pem)?.commonName).toBe("device");
    expect(read(root.pem + root.pem)?.commonName).toBe("Root");
  });
});

describe("a private key beside the certificate is never kept", () => {
  const secrets = [
    leaf.privateKeyPem,
    leaf.privateKeyPem.replaceAll("PRIVATE", "EC PRIVATE"),
    leaf.privateKeyPem.replaceAll("PRIVATE", "ENCRYPTED PRIVATE"),
  ];
  const secretBody = bodyOf(leaf.privateKeyPem);

  function listKept(bundle: CertificateBundle | null): string {
    return inspect([bundle, bundle?.facts], {
      depth: null,
      showHidden: true,
      maxArrayLength: null,
    });
  }

  it.each([
    ["behind it", (key: string) => leaf.pem + key],
    ["before it", (key: string) => key + leaf.pem],
    ["in base64 of both", (key: string) => Buffer.from(key + leaf.pem).toString("base64")],
    ["with \\n written out", (key: string) => (leaf.pem + key).replaceAll("\n", "\\n")],
  ])("when it stands %s", (_, join) => {
    for (const secret of secrets) {
      const bundle = CertificateBundle.from(join(secret));
      expect(bundle?.facts?.pemChain).toEqual([leaf.pem]);
      expect(listKept(bundle)).not.toContain(secretBody.slice(0, 40));
    }
  });

  it.each([
    ["as PEM", leaf.privateKeyPem],
    ["as bare base64", secretBody],
    ["in the frame of a certificate", leaf.privateKeyPem.replaceAll("PRIVATE KEY", "CERTIFICATE")],
  ])("when it stands in place of it, %s", (_, text) => {
    expect(CertificateBundle.from(text)).toBeNull();
  });
});

describe("reading waits until somebody asks", () => {
  it("so that the expiry is not known before", () => {
    const bundle = CertificateBundle.from(leaf.pem);
    expect(bundle?.notAfterIfRead).toBeNull();
    expect(bundle?.facts?.notAfter).toBeInstanceOf(Date);
    expect(bundle?.notAfterIfRead).toEqual(bundle?.facts?.notAfter);
  });

  it("and happens once", () => {
    const bundle = CertificateBundle.from(leaf.pem);
    expect(bundle?.facts).toBe(bundle?.facts);
  });
});

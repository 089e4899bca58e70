// The openssl command line as an oracle: it makes certificates, and says of a certificate what OpenSSL reads in it.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

export interface CertificateOrder {
  /** Lines of the section that describes the subject: `CN=device`. */
  readonly subject: readonly string[];
  /** Options for a new key: `-newkey rsa:2048`. */
  readonly newKey?: readonly string[];
  /** Lines of a section of alternative names: `DNS.1=a.example`. */
  readonly altNames?: readonly string[];
  readonly serial?: string;
  readonly days?: number;
  /** By default it signs itself. */
  readonly issuer?: MadeCertificate;
  readonly isAuthority?: boolean;
}

export interface MadeCertificate {
  readonly pem: string;
  readonly privateKeyPem: string;
}

const EC: readonly string[] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];

/** Makes certificates in a folder that is removed after the tests of the file. */
export function openWorkshop(): { make(order: CertificateOrder): MadeCertificate } {
  const folder = mkdtempSync(join(tmpdir(), "certificates-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  let made = 0;

  return {
    make({ subject, newKey = EC, altNames, serial, days = 30, issuer, isAuthority = false }) {
      made += 1;
      const at = (name: string) => join(folder, `${made}-${name}`);
      writeFileSync(at("config"), toConfig(subject, altNames, isAuthority));
      if (issuer) {
        writeFileSync(at("ca"), issuer.pem);
        writeFileSync(at("ca-key"), issuer.privateKeyPem);
      }
      runOpenssl([
        "req",
        "-x509",
        ...newKey,
        ...["-nodes", "-utf8", "-config", at("config"), "-days", String(days)],
        ...["-keyout", at("key"), "-out", at("certificate")],
        ...(serial === undefined ? [] : ["-set_serial", serial]),
        ...(issuer ? ["-CA", at("ca"), "-CAkey", at("ca-key")] : []),
      ]);
      return {
        pem: readFileSync(at("certificate"), "utf8"),
        privateKeyPem: readFileSync(at("key"), "utf8"),
      };
    },
  };
}

/** What OpenSSL says of a certificate; a size that it does not print is not a number. */
export function describeWithOpenssl(pem: string) {
  const printed = runOpenssl(
    [
      ...["x509", "-noout", "-serial", "-subject", "-issuer", "-fingerprint", "-sha256"],
      ...["-startdate", "-enddate", "-dateopt", "iso_8601", "-text"],
      ...["-nameopt", "RFC2253,-esc_msb,utf8"],
    ],
    pem,
  );
  const printedAs = (name: string) =>
    new RegExp(`^${name}=(.*)$`, "m").exec(printed)?.[1] ?? `no ${name}`;
  return {
    serialNumber: printedAs("serial"),
    subject: printedAs("subject"),
    issuer: printedAs("issuer"),
    fingerprintSha256: printedAs("sha256 Fingerprint"),
    notBefore: new Date(printedAs("notBefore")),
    notAfter: new Date(printedAs("notAfter")),
    publicKeyBits: Number(/Public-Key: \((\d+) bit\)/.exec(printed)?.[1]),
  };
}

function runOpenssl(options: readonly string[], input = ""): string {
  return execFileSync("openssl", options, { input, encoding: "utf8", stdio: "pipe" });
}

function toConfig(
  subject: readonly string[],
  altNames: readonly string[] | undefined,
  isAuthority: boolean,
): string {
  return [
    ...["[req]", "prompt=no", "utf8=yes", "string_mask=utf8only"],
    ...["distinguished_name=subject", "x509_extensions=extensions", "[subject]", ...subject],
    ...["[extensions]", `basicConstraints=${isAuthority ? "critical,CA:TRUE" : "CA:FALSE"}`],
    ...(altNames ? ["subjectAltName=@names", "[names]", ...altNames] : []),
    ...["[inner]", "CN=inner, name", ""],
  ].join("\n");
}

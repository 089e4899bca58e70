// What the graph must say of an emulated certificate's X.509 side: written from RFC 4514 and the contract, without node:crypto.
import type { X509Facts } from "../../src/emulator/fleet-x509.ts";

type Json = Record<string, unknown>;

const DAY_MS = 86_400_000;

/** Fields that come from the certificate itself. */
export function toExpectedX509(facts: X509Facts, isChain: boolean, now: Date): Json {
  const { certificate, authority } = facts;
  return {
    serialNumber: toEvenHex(facts.serialNumber),
    commonName: facts.commonName,
    organizationalUnit: facts.organizationalUnit,
    subject: toRfc4514(facts.subject),
    issuer: toRfc4514(facts.issuer),
    subjectAltNames:
      facts.subjectAltNames.length === 0
        ? null
        : facts.subjectAltNames.map(({ kind, value }) =>
            kind === "ip" ? value.replace(/^fd00(:0){6}:/, "fd00::") : value,
          ),
    notBefore: facts.notBefore.toISOString(),
    notAfter: facts.notAfter.toISOString(),
    daysUntilExpiry: Math.floor((facts.notAfter.getTime() - now.getTime()) / DAY_MS),
    pem: certificate.pem,
    pemChain: [certificate.pem, ...(isChain ? [authority.certificate.pem] : [])],
    fingerprintSha256: certificate.fingerprintSha256,
    publicKeyAlgorithm: facts.publicKeyAlgorithm,
    publicKeyBits: facts.publicKeyBits,
  };
}

/** The fields of a certificate that nobody has seen. */
export const NO_X509: Json = {
  serialNumber: null,
  commonName: null,
  organizationalUnit: null,
  subject: null,
  issuer: null,
  subjectAltNames: null,
  notBefore: null,
  notAfter: null,
  daysUntilExpiry: null,
  statusDisagrees: false,
  pem: null,
  pemChain: null,
  fingerprintSha256: null,
  publicKeyAlgorithm: null,
  publicKeyBits: null,
};

/** Status and disagreement by section 5 of the contract. */
export function toExpectedLife(
  reported: string,
  dates: { readonly notBefore: Date | null; readonly notAfter: Date | null },
  now: Date,
): Json {
  const isPast = dates.notAfter !== null && dates.notAfter < now;
  const isFuture = dates.notBefore !== null && dates.notBefore > now;
  const hasDates = dates.notAfter !== null;
  return {
    status: isPast && reported !== "REVOKED" && reported !== "FAILED" ? "EXPIRED" : reported,
    statusDisagrees:
      (reported === "ACTIVE" && (isPast || isFuture)) ||
      (reported === "EXPIRED" && hasDates && !isPast && !isFuture),
  };
}

/** OpenSSL prints whole bytes. */
function toEvenHex(number: bigint): string {
  const hex = number.toString(16).toUpperCase();
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

function toRfc4514(name: readonly (readonly [string, string])[]): string {
  return name
    .toReversed()
    .map(([type, value]) => `${type}=${escapeValue(value)}`)
    .join(",");
}

function escapeValue(value: string): string {
  return value
    .replace(/[\\",+;<>]/g, "\\$&")
    .replace(/^[ #]/, "\\$&")
    .replace(/ $/, "\\ ");
}

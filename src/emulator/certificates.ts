// Issues the emulated devices' X.509 certificates: real ones, byte for byte the same for the same seed and day.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { isIPv4 } from "node:net";
import {
  toBitString,
  toBoolean,
  toExplicit,
  toImplicit,
  toInteger,
  toObjectIdentifier,
  toOctetString,
  toPrintableString,
  toSequence,
  toSet,
  toTime,
  toUtf8String,
} from "./der.ts";
import { toDeterminedBytes } from "./determined.ts";
import { type KeyType, toKeyIdentifier, toPublicKeyInfo } from "./public-keys.ts";

/** The attributes of a name in the order of the certificate: `[["C", "CN"], ["CN", "device-1"]]`. */
export type DistinguishedName = readonly (readonly [type: NameAttribute, value: string])[];
export type NameAttribute = "C" | "O" | "OU" | "CN";

export interface SubjectAltName {
  readonly kind: "dns" | "uri" | "ip" | "email";
  readonly value: string;
}

export interface CertificateOrder {
  readonly serialNumber: bigint;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly keyType: KeyType;
  readonly subjectAltNames: readonly SubjectAltName[];
}

export interface IssuedCertificate {
  readonly der: Buffer;
  /** With LF line ends and one at the end. */
  readonly pem: string;
  /** Upper-case hexadecimal pairs with colons, as OpenSSL prints it. */
  readonly fingerprintSha256: string;
}

/** Signs certificates. Its key is derived from its name and seed. */
export interface CertificateAuthority {
  readonly subject: DistinguishedName;
  /** 40 lower-case hexadecimal digits. */
  readonly serialNumber: string;
  readonly certificate: IssuedCertificate;
  issue(order: CertificateOrder): IssuedCertificate;
}

const ED25519 = toSequence(toObjectIdentifier("1.3.101.112"));
/** What stands before the 32 bytes of an Ed25519 key in PKCS #8. */
const ED25519_PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const VERSION_3 = toExplicit(0, toInteger(2n));

const NAME_ATTRIBUTES: Readonly<Record<NameAttribute, Buffer>> = {
  C: toObjectIdentifier("2.5.4.6"),
  O: toObjectIdentifier("2.5.4.10"),
  OU: toObjectIdentifier("2.5.4.11"),
  CN: toObjectIdentifier("2.5.4.3"),
};

const SUBJECT_KEY_IDENTIFIER = "2.5.29.14";
const KEY_USAGE = "2.5.29.15";
const SUBJECT_ALT_NAME = "2.5.29.17";
const BASIC_CONSTRAINTS = "2.5.29.19";
const AUTHORITY_KEY_IDENTIFIER = "2.5.29.35";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const CLIENT_AUTHENTICATION = "1.3.6.1.5.5.7.3.2";

const DIGITAL_SIGNATURE = toBitString(Uint8Array.of(0b1000_0000), 7);
const CERTIFICATE_AND_CRL_SIGNING = toBitString(Uint8Array.of(0b0000_0110), 1);

export interface CertificateAuthorityOptions {
  readonly seed: string;
  readonly subject: DistinguishedName;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export function createCertificateAuthority(
  options: CertificateAuthorityOptions,
): CertificateAuthority {
  const { seed, subject, notBefore, notAfter } = options;
  const origin = subject.flat().join("/");
  const privateKey = toEd25519PrivateKey(toDeterminedBytes("authority", seed, origin));
  const publicKeyInfo = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  // The first byte keeps the number positive and 20 bytes long.
  const serialNumber = `5a${toDeterminedBytes("authority serial", seed, origin).toString("hex", 0, 19)}`;
  const issuer = { name: toName(subject), privateKey };
  const authorityKey = toExtension(
    AUTHORITY_KEY_IDENTIFIER,
    toSequence(toImplicit(0, toKeyIdentifier(publicKeyInfo))),
  );

  const certificate = signCertificate(issuer, {
    serialNumber: BigInt(`0x${serialNumber}`),
    notBefore,
    notAfter,
    subject: issuer.name,
    publicKeyInfo,
    extensions: [
      toExtension(BASIC_CONSTRAINTS, toSequence(toBoolean(true)), true),
      toExtension(KEY_USAGE, CERTIFICATE_AND_CRL_SIGNING, true),
      toExtension(SUBJECT_KEY_IDENTIFIER, toOctetString(toKeyIdentifier(publicKeyInfo))),
      authorityKey,
    ],
  });

  return {
    subject,
    serialNumber,
    certificate,
    issue: (order) => {
      const subjectKeyInfo = toPublicKeyInfo(
        order.keyType,
        `${seed}/${origin}/${order.serialNumber}`,
      );
      return signCertificate(issuer, {
        serialNumber: order.serialNumber,
        notBefore: order.notBefore,
        notAfter: order.notAfter,
        subject: toName(order.subject),
        publicKeyInfo: subjectKeyInfo,
        extensions: [
          toExtension(BASIC_CONSTRAINTS, toSequence(), true),
          toExtension(KEY_USAGE, DIGITAL_SIGNATURE, true),
          toExtension(EXTENDED_KEY_USAGE, toSequence(toObjectIdentifier(CLIENT_AUTHENTICATION))),
          toExtension(SUBJECT_KEY_IDENTIFIER, toOctetString(toKeyIdentifier(subjectKeyInfo))),
          authorityKey,
          ...(order.subjectAltNames.length > 0
            ? [
                toExtension(
                  SUBJECT_ALT_NAME,
                  toSequence(...order.subjectAltNames.map(toGeneralName)),
                ),
              ]
            : []),
        ],
      });
    },
  };
}

/** The content of a PEM without its frame, as one line of base64. */
export function toBareBase64({ der }: IssuedCertificate): string {
  return der.toString("base64");
}

interface UnsignedCertificate {
  readonly serialNumber: bigint;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subject: Buffer;
  readonly publicKeyInfo: Buffer;
  readonly extensions: readonly Buffer[];
}

function signCertificate(
  issuer: { readonly name: Buffer; readonly privateKey: KeyObject },
  unsigned: UnsignedCertificate,
): IssuedCertificate {
  const content = toSequence(
    VERSION_3,
    toInteger(unsigned.serialNumber),
    ED25519,
    issuer.name,
    toSequence(toTime(unsigned.notBefore), toTime(unsigned.notAfter)),
    unsigned.subject,
    unsigned.publicKeyInfo,
    toExplicit(3, toSequence(...unsigned.extensions)),
  );
  const signature = sign(null, content, issuer.privateKey);
  const der = toSequence(content, ED25519, toBitString(signature));
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    der,
    pem: ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n"),
    fingerprintSha256: (
      createHash("sha256").update(der).digest("hex").toUpperCase().match(/../g) ?? []
    ).join(":"),
  };
}

function toEd25519PrivateKey(bytes: Buffer): KeyObject {
  return createPrivateKey({
    key: Buffer.concat([ED25519_PKCS8_PREFIX, bytes.subarray(0, 32)]),
    type: "pkcs8",
    format: "der",
  });
}

function toName(name: DistinguishedName): Buffer {
  return toSequence(
    ...name.map(([type, value]) =>
      toSet(
        toSequence(
          NAME_ATTRIBUTES[type],
          type === "C" ? toPrintableString(value) : toUtf8String(value),
        ),
      ),
    ),
  );
}

function toExtension(id: string, value: Uint8Array, isCritical = false): Buffer {
  return toSequence(
    toObjectIdentifier(id),
    ...(isCritical ? [toBoolean(true)] : []),
    toOctetString(value),
  );
}

function toGeneralName({ kind, value }: SubjectAltName): Buffer {
  switch (kind) {
    case "email":
      return toImplicit(1, Buffer.from(value, "latin1"));
    case "dns":
      return toImplicit(2, Buffer.from(value, "latin1"));
    case "uri":
      return toImplicit(6, Buffer.from(value, "latin1"));
    case "ip":
      return toImplicit(7, isIPv4(value) ? toIpv4Bytes(value) : toIpv6Bytes(value));
  }
}

function toIpv4Bytes(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

/** An address whose eight groups are all written out. */
function toIpv6Bytes(address: string): Buffer {
  return Buffer.from(
    address
      .split(":")
      .map((group) => group.padStart(4, "0"))
      .join(""),
    "hex",
  );
}

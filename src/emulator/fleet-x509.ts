// The X.509 side of an emulated device: names, validity, key types and alternative names that exercise every reader.
import type {
  CertificateAuthority,
  DistinguishedName,
  IssuedCertificate,
  SubjectAltName,
} from "./certificates.ts";
import { pickFrom } from "./determined.ts";
import { KEY_FACTS, type KeyType } from "./public-keys.ts";

/** Where the day of the fleet falls in a validity period. */
export type Validity = "valid" | "longLived" | "expiringSoon" | "expired" | "notYetValid";

/** What reading the certificate must find. */
export interface X509Facts {
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  readonly commonName: string;
  readonly organizationalUnit: string | null;
  readonly subjectAltNames: readonly SubjectAltName[];
  readonly serialNumber: bigint;
  readonly validity: Validity;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKeyAlgorithm: "RSA" | "EC" | "Ed25519";
  readonly publicKeyBits: number;
  /** Issued when it is first read. */
  readonly certificate: IssuedCertificate;
  readonly authority: CertificateAuthority;
}

export interface X509PlanOptions {
  readonly index: number;
  readonly now: Date;
  readonly authority: CertificateAuthority;
  readonly serialNumber: bigint;
  readonly validity: Validity;
}

const DAY_MS = 86_400_000;

const KEY_TYPES = [
  "rsa-2048",
  "ec-p256",
  "ed25519",
  "rsa-2048",
  "ec-p384",
  "rsa-3072",
  "ec-p256",
] as const satisfies readonly KeyType[];

const COMMON_NAMES: readonly [(number: string) => string, ...((number: string) => string)[]] = [
  (number) => `device-${number}`,
  (number) => `设备-${number}`,
  (number) => `Gerät ${number} (Köln)`,
  (number) => `device-${number}.factory.example.com`,
  (number) => `sensor, "north" ${number}`,
  (number) => `lock+alarm=${number};<#1>`,
  (number) => `device-${number}`,
  (number) => `#pump\\${number} `,
  (number) => `émetteur ${number} 🔒`,
];

const ORGANIZATIONAL_UNITS = [
  "Assembly",
  "车间二",
  "Größenprüfung, Halle 3",
  null,
  "Assembly",
] as const;

/** Describes the certificate of a device; the costly part, the signature, waits until it is read. */
export function planX509(options: X509PlanOptions): X509Facts {
  const { index, now, authority, serialNumber, validity } = options;
  const number = toDeviceNumber(index);
  const commonName = pickFrom(COMMON_NAMES, index)(number);
  const organizationalUnit = pickFrom(ORGANIZATIONAL_UNITS, index);
  const keyType = pickFrom(KEY_TYPES, index);
  const { algorithm, bits } = KEY_FACTS[keyType];
  const subjectAltNames = toSubjectAltNames(index, number);
  const { notBefore, notAfter } = toPeriod(validity, index, now);
  const subject: DistinguishedName = [
    ["C", "CN"],
    ["O", "Example Devices"],
    ...(organizationalUnit === null ? [] : ([["OU", organizationalUnit]] as const)),
    ["CN", commonName],
  ];
  let certificate: IssuedCertificate | undefined;
  return {
    subject,
    issuer: authority.subject,
    commonName,
    organizationalUnit,
    subjectAltNames,
    serialNumber,
    validity,
    notBefore,
    notAfter,
    publicKeyAlgorithm: algorithm,
    publicKeyBits: bits,
    authority,
    get certificate() {
      certificate ??= authority.issue({
        serialNumber,
        subject,
        notBefore,
        notAfter,
        keyType,
        subjectAltNames,
      });
      return certificate;
    },
  };
}

/** Six digits, so that names sort. */
export function toDeviceNumber(index: number): string {
  return String(index).padStart(6, "0");
}

/** A validity period that stays in its class for at least a day after `now`. */
export function toPeriod(
  validity: Validity,
  index: number,
  now: Date,
): { readonly notBefore: Date; readonly notAfter: Date } {
  // Certificates know whole seconds only.
  const fromNow = (days: number) =>
    new Date(now.getTime() + Math.round((days * DAY_MS) / 1000) * 1000);
  // Whole hours beside the days, so that nothing falls on midnight by accident.
  const hours = ((index * 7) % 23) / 24 + 1 / 24;
  switch (validity) {
    case "valid":
      return {
        notBefore: fromNow(-30 - ((index * 37) % 300) - hours),
        notAfter: fromNow(60 + ((index * 53) % 1000) + hours),
      };
    case "longLived":
      return {
        notBefore: fromNow(-400 - (index % 100) - hours),
        notAfter: new Date(Date.UTC(2060, index % 12, 1 + (index % 28), 23, 59, 59)),
      };
    case "expiringSoon":
      return {
        notBefore: fromNow(-335 - hours),
        notAfter: fromNow(2 + ((index * 5) % 26) + hours),
      };
    case "expired":
      return {
        notBefore: fromNow(-800 - hours),
        notAfter: fromNow(-1 - ((index * 11) % 300) - hours),
      };
    case "notYetValid":
      return { notBefore: fromNow(2 + ((index * 3) % 30) + hours), notAfter: fromNow(500 + hours) };
  }
}

function toSubjectAltNames(index: number, number: string): SubjectAltName[] {
  switch (index % 11) {
    case 0:
      return [{ kind: "dns", value: `device-${number}.example.com` }];
    case 2:
      return [
        { kind: "dns", value: `device-${number}.example.com` },
        { kind: "dns", value: `*.${number}.example.com` },
        { kind: "ip", value: `10.20.${(index >> 8) & 0xff}.${index & 0xff}` },
      ];
    case 3:
      return [{ kind: "uri", value: `urn:example:device:${number}` }];
    case 5:
      return [
        { kind: "ip", value: `fd00:0:0:0:0:0:0:${((index & 0xfffe) + 1).toString(16)}` },
        { kind: "uri", value: `spiffe://example.com/device/${number}` },
        { kind: "email", value: `device-${number}@example.com` },
      ];
    default:
      return [];
  }
}

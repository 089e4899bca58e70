// Reads X.509 certificates however a cloud sends them: PEM, a chain, bare base64, base64 of PEM.
import { type KeyObject, X509Certificate } from "node:crypto";
import { findAttribute, readNameValues, toRfc4514 } from "./distinguished-name.ts";

/** What a certificate says of itself. */
export interface X509Facts {
  /** Upper-case hexadecimal, as OpenSSL prints it. */
  readonly serialNumber: string;
  readonly commonName: string | null;
  readonly organizationalUnit: string | null;
  /** RFC 4514. */
  readonly subject: string;
  /** RFC 4514. */
  readonly issuer: string;
  /** The names alone, without their kind; `null` when the certificate has no such extension. */
  readonly subjectAltNames: readonly string[] | null;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly pem: string;
  /** The leaf first, then the others in the order in which the cloud sent them. */
  readonly pemChain: readonly string[];
  /** Upper-case hexadecimal pairs with colons. */
  readonly fingerprintSha256: string;
  readonly publicKeyAlgorithm: string | null;
  readonly publicKeyBits: number | null;
}

/** The certificates of one device as the cloud sent them, read when somebody first asks. */
export class CertificateBundle {
  readonly #der: readonly Buffer[];
  #facts: X509Facts | null | undefined;

  private constructor(der: readonly Buffer[]) {
    this.#der = der;
  }

  /** Takes the certificates out of the cloud's text, and nothing else that may stand there, such as a key. */
  static from(text: string | null | undefined): CertificateBundle | null {
    const der = toDer(text ?? "");
    return der.length === 0 ? null : new CertificateBundle(der);
  }

  /** What `toBase64` gave; `null` when there is no certificate among it. */
  static fromBase64(texts: readonly string[]): CertificateBundle | null {
    const der = texts.map((text) => Buffer.from(text, "base64")).filter(isCertificateLike);
    return der.length === 0 ? null : new CertificateBundle(der);
  }

  /** The certificates in DER as base64, in the cloud's order. */
  toBase64(): string[] {
    return this.#der.map((bytes) => bytes.toString("base64"));
  }

  /** `null` when this is no readable certificate. Reading it takes 50 to 100 µs, once. */
  get facts(): X509Facts | null {
    if (this.#facts === undefined) this.#facts = readFacts(this.#der);
    return this.#facts;
  }

  get isRead(): boolean {
    return this.#facts !== undefined;
  }

  /** When it expires, if somebody has read it already; spares the reading where the answer is only a hint. */
  get notAfterIfRead(): Date | null {
    return this.#facts?.notAfter ?? null;
  }
}

const PEM_BLOCK = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END/g;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const DER_SEQUENCE = 0x30;

/** Whether it may be a certificate: a sequence that starts with a sequence, where private keys start with a number. */
function isCertificateLike(der: Buffer): boolean {
  const length = der[1] ?? 0;
  const first = 2 + (length > 0x80 ? length - 0x80 : 0);
  return der[0] === DER_SEQUENCE && der[first] === DER_SEQUENCE;
}

function toDer(text: string): Buffer[] {
  // Some consoles store line ends as the two characters "\n", or as four: "\r\n".
  const lines = text.replaceAll(/\\[rn]/g, "\n");
  if (lines.includes("-----BEGIN")) {
    return [...lines.matchAll(PEM_BLOCK)]
      .map(([, body]) => Buffer.from(body ?? "", "base64"))
      .filter(isCertificateLike);
  }
  const bare = lines.replace(/\s+/g, "");
  if (!BASE64.test(bare)) return [];
  const decoded = Buffer.from(bare, "base64");
  if (decoded[0] === DER_SEQUENCE) return isCertificateLike(decoded) ? [decoded] : [];
  return decoded.toString("latin1", 0, 10) === "-----BEGIN" ? toDer(decoded.toString("utf8")) : [];
}

function readFacts(der: readonly Buffer[]): X509Facts | null {
  const certificates = der.flatMap((bytes) => readCertificate(bytes) ?? []);
  const leaf = findLeaf(certificates);
  if (leaf === undefined) return null;
  const values = readNameValues(leaf.raw);
  const subject = toRfc4514(leaf.subject, values.subject);
  const pem = leaf.toString();
  return {
    serialNumber: leaf.serialNumber,
    commonName: findAttribute(subject, "CN"),
    organizationalUnit: findAttribute(subject, "OU"),
    subject: subject.join(","),
    issuer: toRfc4514(leaf.issuer, values.issuer).join(","),
    subjectAltNames: toSubjectAltNames(leaf.subjectAltName),
    notBefore: leaf.validFromDate,
    notAfter: leaf.validToDate,
    pem,
    // The same text, not a copy of it.
    pemChain: [pem, ...certificates.filter((certificate) => certificate !== leaf).map(String)],
    fingerprintSha256: leaf.fingerprint256,
    ...readPublicKey(leaf),
  };
}

function readCertificate(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

/** The certificate that issued none of the others; clouds send it first, but do not promise to. */
function findLeaf(certificates: readonly X509Certificate[]): X509Certificate | undefined {
  const isIssuerOfAnother = (candidate: X509Certificate) =>
    certificates.some((other) => other !== candidate && other.checkIssued(candidate));
  return certificates.find((candidate) => !isIssuerOfAnother(candidate)) ?? certificates[0];
}

const ALT_NAME = /(?:^|, )([A-Za-z][A-Za-z ]*):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** node:crypto lists them as `DNS:a.example, IP Address:10.0.0.1`, with odd values as JSON strings. */
function toSubjectAltNames(text: string | undefined): string[] | null {
  if (text === undefined) return null;
  return [...text.matchAll(ALT_NAME)].map(([, kind, value = ""]) => {
    const name: unknown = value.startsWith('"') ? JSON.parse(value) : value;
    return kind === "IP Address" ? toShortAddress(String(name)) : String(name);
  });
}

/** OpenSSL writes IPv6 addresses out in full. */
function toShortAddress(address: string): string {
  return address.includes(":") ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}

const ALGORITHM_NAMES: Readonly<Record<string, string>> = {
  rsa: "RSA",
  "rsa-pss": "RSA-PSS",
  dsa: "DSA",
  ec: "EC",
  ed25519: "Ed25519",
  ed448: "Ed448",
  x25519: "X25519",
  x448: "X448",
};

/** The object identifier of the curve, 1.2.156.10197.1.301, in DER. */
const SM2_CURVE = Buffer.from("06082a811ccf5501822d", "hex");

const FIXED_BITS: Readonly<Record<string, number>> = {
  ed25519: 256,
  ed448: 456,
  x25519: 256,
  x448: 448,
};

function readPublicKey(
  certificate: X509Certificate,
): Pick<X509Facts, "publicKeyAlgorithm" | "publicKeyBits"> {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    // OpenSSL knows the certificate but not this kind of key.
    return { publicKeyAlgorithm: null, publicKeyBits: null };
  }
  // node:crypto has no name for the keys of China's national algorithms.
  if (key.export({ type: "spki", format: "der" }).includes(SM2_CURVE)) {
    return { publicKeyAlgorithm: "SM2", publicKeyBits: 256 };
  }
  const type = key.asymmetricKeyType ?? "";
  const details = key.asymmetricKeyDetails;
  return {
    publicKeyAlgorithm: ALGORITHM_NAMES[type] ?? null,
    publicKeyBits:
      details?.modulusLength ?? toCurveBits(details?.namedCurve) ?? FIXED_BITS[type] ?? null,
  };
}

/** OpenSSL's names of curves hold their size: prime256v1, secp521r1, brainpoolP384r1. */
function toCurveBits(curve: string | undefined): number | undefined {
  const digits = /\d{3}/.exec(curve ?? "")?.[0];
  return digits === undefined ? undefined : Number(digits);
}

// Whom a secret is encrypted for: reads the public JSON Web Key (RFC 7517) that a caller sends, and refuses weak ones.
import { CompactEncrypt, type CryptoKey, calculateJwkThumbprint, importJWK } from "jose";
import { RequestError } from "../errors.ts";

/** A public key that a secret may be encrypted for. */
export interface Recipient {
  readonly key: CryptoKey;
  readonly algorithm: "RSA-OAEP-256" | "ECDH-ES+A256KW";
  /** The key's own name for itself, where it has one. */
  readonly keyId: string | undefined;
  /** RFC 7638, SHA-256: names the key wherever it is recorded. */
  readonly thumbprint: string;
}

/** What one kind of key must look like. */
interface KeyKind {
  readonly algorithm: Recipient["algorithm"];
  /** What `key_ops` may say of it. */
  readonly operations: readonly string[];
  /** The members that make up the public key. Throws when one is not what it should be. */
  readonly readMembers: (jwk: JwkMembers) => Record<string, string>;
}

type JwkMembers = Readonly<Record<string, unknown>>;

/** Characters of JSON; certificates that a key carries along need most of it. */
const MAX_LENGTH = 32 * 1024;
const MAX_KEY_ID_LENGTH = 256;
const MIN_RSA_BITS = 2048;
/** Larger ones cost more time than any honest caller asks for. */
const MAX_RSA_BITS = 8192;
const MIN_RSA_EXPONENT = 65_537n;
const MAX_RSA_EXPONENT = 2n ** 32n - 1n;
/** Bytes of a coordinate. */
const EC_CURVES: ReadonlyMap<unknown, number> = new Map([
  ["P-256", 32],
  ["P-384", 48],
  ["P-521", 66],
]);
const X25519_BYTES = 32;
/** The members of all kinds of keys that belong to the private half. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

const KEY_KINDS: ReadonlyMap<unknown, KeyKind> = new Map([
  [
    "RSA",
    {
      algorithm: "RSA-OAEP-256",
      operations: ["wrapKey", "encrypt"],
      readMembers: readRsa,
    },
  ],
  [
    "EC",
    {
      algorithm: "ECDH-ES+A256KW",
      operations: ["deriveKey", "deriveBits"],
      readMembers: readEllipticCurve,
    },
  ],
  [
    "OKP",
    {
      algorithm: "ECDH-ES+A256KW",
      operations: ["deriveKey", "deriveBits"],
      readMembers: readX25519,
    },
  ],
]);

/** Throws `BAD_USER_INPUT` that says what is wrong, without a single value of the key. */
export async function readRecipient(text: string): Promise<Recipient> {
  const jwk = readJwk(text);
  refusePrivateMembers(jwk);
  const kind = KEY_KINDS.get(jwk["kty"]);
  if (kind === undefined) {
    throw badRecipient(
      jwk["kty"] === "oct"
        ? "kty oct is a symmetric key; expected a public key: RSA, EC or OKP"
        : "kty: expected RSA, EC or OKP",
    );
  }
  const members = { kty: String(jwk["kty"]), ...kind.readMembers(jwk) };
  checkPurpose(jwk, kind);
  const keyId = readKeyId(jwk);
  const { algorithm } = kind;
  try {
    const key = await importJWK(members, algorithm);
    if (key instanceof Uint8Array) throw new Error("a public key was read as a symmetric one");
    // Points that are on no curve fail above; those of low order fail when they are first used.
    await toEncryption("", { key, algorithm, keyId });
    return { key, algorithm, keyId, thumbprint: await calculateJwkThumbprint(members) };
  } catch {
    // What the library says is dropped: it may quote the key.
    throw badRecipient("its values make up no public key that can be encrypted for");
  }
}

/** A compact JWE (RFC 7516) that only the recipient can open. */
export async function toEncryption(
  text: string,
  { key, algorithm, keyId }: Omit<Recipient, "thumbprint">,
): Promise<string> {
  const bytes = new TextEncoder().encode(text);
  try {
    return await new CompactEncrypt(bytes)
      .setProtectedHeader({
        alg: algorithm,
        enc: "A256GCM",
        ...(keyId !== undefined && { kid: keyId }),
      })
      .encrypt(key);
  } finally {
    bytes.fill(0);
  }
}

function readJwk(text: string): JwkMembers {
  if (text.length > MAX_LENGTH) {
    throw badRecipient(`expected at most ${MAX_LENGTH} characters, got ${text.length}`);
  }
  let jwk: unknown;
  try {
    jwk = JSON.parse(text);
  } catch {
    throw badRecipient("expected the JSON text of a JSON Web Key");
  }
  if (!isMembers(jwk)) throw badRecipient("expected a JSON object, the JSON Web Key");
  if ("keys" in jwk) throw badRecipient("expected one JSON Web Key, not a set of them");
  return jwk;
}

function isMembers(value: unknown): value is JwkMembers {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refusePrivateMembers(jwk: JwkMembers): void {
  const found = PRIVATE_MEMBERS.filter((name) => Object.hasOwn(jwk, name));
  if (found.length === 0) return;
  throw badRecipient(
    `it holds private or symmetric key material (${found.join(", ")}); send the public half alone, and replace this key: it has left its owner`,
  );
}

function readRsa(jwk: JwkMembers): Record<string, string> {
  const n = readNumber(jwk, "n");
  const bits = n.value.toString(2).length;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) {
    throw badRecipient(`an RSA key of ${MIN_RSA_BITS} to ${MAX_RSA_BITS} bits, got ${bits}`);
  }
  if (n.value % 2n === 0n) throw badRecipient("n: expected an odd number");
  const e = readNumber(jwk, "e");
  if (e.value < MIN_RSA_EXPONENT || e.value > MAX_RSA_EXPONENT || e.value % 2n === 0n) {
    throw badRecipient(`e: expected an odd number from ${MIN_RSA_EXPONENT} to ${MAX_RSA_EXPONENT}`);
  }
  return { n: n.text, e: e.text };
}

function readEllipticCurve(jwk: JwkMembers): Record<string, string> {
  const bytes = EC_CURVES.get(jwk["crv"]);
  if (bytes === undefined) {
    throw badRecipient(`crv: expected ${[...EC_CURVES.keys()].join(", ")} for kty EC`);
  }
  return {
    crv: String(jwk["crv"]),
    x: readBytes(jwk, "x", bytes),
    y: readBytes(jwk, "y", bytes),
  };
}

function readX25519(jwk: JwkMembers): Record<string, string> {
  const { crv } = jwk;
  if (crv !== "X25519") {
    const isForSignatures = crv === "Ed25519" || crv === "Ed448";
    const what = isForSignatures ? `${crv} is for signatures; expected X25519` : "expected X25519";
    throw badRecipient(`crv: ${what} for kty OKP`);
  }
  return { crv, x: readBytes(jwk, "x", X25519_BYTES) };
}

function readBytes(jwk: JwkMembers, name: string, length: number): string {
  const text = readBase64Url(jwk, name);
  if (Buffer.from(text, "base64url").length !== length) {
    throw badRecipient(`${name}: expected ${length} bytes in base64url`);
  }
  return text;
}

function readNumber(jwk: JwkMembers, name: string): { text: string; value: bigint } {
  const text = readBase64Url(jwk, name);
  return { text, value: BigInt(`0x${Buffer.from(text, "base64url").toString("hex") || "0"}`) };
}

function readBase64Url(jwk: JwkMembers, name: string): string {
  const text = jwk[name];
  if (typeof text === "string" && /^[A-Za-z0-9_-]+$/.test(text)) return text;
  throw badRecipient(`${name}: expected a number or bytes in base64url`);
}

/** What the key itself says that it may be used for. */
function checkPurpose(jwk: JwkMembers, { algorithm, operations }: KeyKind): void {
  const { use, alg, key_ops: keyOperations } = jwk;
  if (use !== undefined && use !== "enc") {
    throw badRecipient("use: expected enc, or none; the key is not for encryption");
  }
  if (alg !== undefined && alg !== algorithm) {
    throw badRecipient(`alg: expected ${algorithm} for this kind of key, or none`);
  }
  if (keyOperations === undefined) return;
  if (!Array.isArray(keyOperations)) throw badRecipient("key_ops: expected a list");
  // Browsers export the public half of a key agreement with an empty list: only its private half derives.
  const isPublicHalf = keyOperations.length === 0 && algorithm === "ECDH-ES+A256KW";
  if (isPublicHalf || operations.some((operation) => keyOperations.includes(operation))) return;
  throw badRecipient(`key_ops: expected ${operations.join(" or ")}, or no key_ops`);
}

function readKeyId({ kid }: JwkMembers): string | undefined {
  if (kid === undefined) return undefined;
  if (typeof kid === "string" && kid.length <= MAX_KEY_ID_LENGTH) return kid;
  throw badRecipient(`kid: expected a text of at most ${MAX_KEY_ID_LENGTH} characters`);
}

function badRecipient(expectation: string): RequestError {
  return new RequestError("BAD_USER_INPUT", `Malformed recipient: ${expectation}.`);
}

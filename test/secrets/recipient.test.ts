import { generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint, compactDecrypt, type JWK } from "jose";
import { describe, expect, it } from "vitest";
import { readRecipient, toEncryption } from "../../src/secrets/recipient.ts";
import { catchRejection } from "../support/refusal.ts";

const SECRET = "-----BEGIN PRIVATE KEY-----\nnot a real one\n-----END PRIVATE KEY-----\n";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const RSA = rsa.publicKey.export({ format: "jwk" });
const P256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey.export({ format: "jwk" });
const X25519 = generateKeyPairSync("x25519").publicKey.export({ format: "jwk" });

const read = (jwk: unknown) => readRecipient(typeof jwk === "string" ? jwk : JSON.stringify(jwk));

describe("a recipient", () => {
  it.each([
    ["RSA of 2048 bits", "RSA-OAEP-256", rsa],
    ["RSA of 4096 bits", "RSA-OAEP-256", generateKeyPairSync("rsa", { modulusLength: 4096 })],
    ["P-256", "ECDH-ES+A256KW", generateKeyPairSync("ec", { namedCurve: "P-256" })],
    ["P-384", "ECDH-ES+A256KW", generateKeyPairSync("ec", { namedCurve: "P-384" })],
    ["P-521", "ECDH-ES+A256KW", generateKeyPairSync("ec", { namedCurve: "P-521" })],
    ["X25519", "ECDH-ES+A256KW", generateKeyPairSync("x25519")],
  ])("with a key of the kind %s gets %s with A256GCM, and opens it", async (_, alg, pair) => {
    const jwk = pair.publicKey.export({ format: "jwk" });
    const recipient = await read({ ...jwk, kid: "mine", alg, use: "enc" });
    const sealed = await toEncryption(SECRET, recipient);
    expect(sealed.split(".")).toHaveLength(5);
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, pair.privateKey);
    expect(new TextDecoder().decode(plaintext)).toBe(SECRET);
    expect(protectedHeader).toMatchObject({ alg, enc: "A256GCM", kid: "mine" });
    expect(recipient.thumbprint).toBe(await calculateJwkThumbprint(toJwk(jwk)));
  });

  it("without a name is not given one", async () => {
    const sealed = await toEncryption(SECRET, await read(RSA));
    expect(JSON.parse(Buffer.from(sealed.split(".")[0] ?? "", "base64url").toString())).toEqual({
      alg: "RSA-OAEP-256",
      enc: "A256GCM",
    });
  });

  it("gets another encryption each time", async () => {
    const recipient = await read(P256);
    expect(await toEncryption(SECRET, recipient)).not.toBe(await toEncryption(SECRET, recipient));
  });

  it.each([
    [
      "RSA key of a browser",
      "RSASSA",
      { ...RSA, alg: "RSA-OAEP-256", ext: true, key_ops: ["encrypt"] },
    ],
    ["key agreement key of a browser", "ECDH", { ...P256, ext: true, key_ops: [] }],
    ["key with certificates", "x5c", { ...RSA, x5c: ["MIIB"], x5t: "abc" }],
    ["key for wrapping keys", "wrap", { ...RSA, key_ops: ["wrapKey", "verify"] }],
    ["key for deriving", "derive", { ...X25519, key_ops: ["deriveBits"] }],
  ])("may be the %s", async (_, __, jwk) => {
    await expect(read(jwk)).resolves.toBeDefined();
  });
});

const modulusOf = (bytes: number) => Buffer.alloc(bytes, 0xff).toString("base64url");
const other = (jwk: object, changes: Readonly<Record<string, unknown>>) => ({ ...jwk, ...changes });

describe("a recipient is refused with what is wrong", () => {
  it.each([
    ["no JSON", "{", "expected the JSON text"],
    ["PEM", rsa.publicKey.export({ format: "pem", type: "spki" }), "expected the JSON text"],
    ["an empty text", "", "expected the JSON text"],
    ["null", "null", "expected a JSON object"],
    ["a list", [RSA], "expected a JSON object"],
    ["a text", '"key"', "expected a JSON object"],
    ["a set of keys", { keys: [RSA] }, "not a set of them"],
    ["an empty object", {}, "kty: expected RSA, EC or OKP"],
    ["an unknown kind", { kty: "AKP", pub: "AA" }, "kty: expected RSA, EC or OKP"],
    ["a kind that all objects inherit", { kty: "constructor" }, "kty: expected RSA, EC or OKP"],
    ["a symmetric key without value", { kty: "oct" }, "symmetric key"],
    ["RSA of 1024 bits", other(RSA, { n: modulusOf(128) }), "2048 to 8192 bits, got 1024"],
    ["RSA of 2047 bits", other(RSA, { n: `f${modulusOf(256).slice(1)}` }), "got 2047"],
    [
      "zeros before a short modulus",
      other(RSA, { n: `${"A".repeat(200)}${modulusOf(128)}` }),
      "bits",
    ],
    ["RSA of 16384 bits", other(RSA, { n: modulusOf(2048) }), "2048 to 8192 bits, got 16384"],
    ["an even modulus", other(RSA, { n: `${RSA.n?.slice(0, -2)}AA` }), "n: expected an odd"],
    ["the exponent 1", other(RSA, { e: "AQ" }), "e: expected an odd number"],
    ["the exponent 3", other(RSA, { e: "Aw" }), "e: expected an odd number"],
    ["an even exponent", other(RSA, { e: "AQAA" }), "e: expected an odd number"],
    ["a huge exponent", other(RSA, { e: modulusOf(32) }), "e: expected an odd number"],
    ["no modulus", other(RSA, { n: undefined }), "n: expected"],
    ["a modulus that is a number", other(RSA, { n: 17 }), "n: expected"],
    ["a modulus in plain base64", other(RSA, { n: "+/==" }), "n: expected"],
    ["a curve of Bitcoin", other(P256, { crv: "secp256k1" }), "crv: expected P-256, P-384, P-521"],
    ["no curve", other(P256, { crv: undefined }), "crv: expected P-256"],
    ["a curve of the other kind", other(X25519, { crv: "P-256" }), "crv: expected X25519"],
    ["a key for signatures", other(X25519, { crv: "Ed25519" }), "Ed25519 is for signatures"],
    ["half a point", other(P256, { y: undefined }), "y: expected"],
    ["a point of another length", other(P256, { x: "AAAA" }), "x: expected 32 bytes"],
    ["a point on no curve", other(P256, { x: P256.y, y: P256.x }), "make up no public key"],
    ["the point zero", other(X25519, { x: "A".repeat(43) }), "make up no public key"],
    ["a point of low order", other(X25519, { x: `AQ${"A".repeat(41)}` }), "make up no public key"],
    ["a use for signatures", other(RSA, { use: "sig" }), "use: expected enc"],
    ["a use of another type", other(RSA, { use: ["enc"] }), "use: expected enc"],
    ["an older algorithm", other(RSA, { alg: "RSA-OAEP" }), "alg: expected RSA-OAEP-256"],
    ["PKCS #1 1.5", other(RSA, { alg: "RSA1_5" }), "alg: expected RSA-OAEP-256"],
    ["a signature algorithm", other(RSA, { alg: "RS256" }), "alg: expected RSA-OAEP-256"],
    ["another agreement", other(P256, { alg: "ECDH-ES" }), "alg: expected ECDH-ES+A256KW"],
    [
      "other operations",
      other(RSA, { key_ops: ["verify"] }),
      "key_ops: expected wrapKey or encrypt",
    ],
    ["no operations", other(RSA, { key_ops: [] }), "key_ops: expected wrapKey or encrypt"],
    ["operations in a text", other(RSA, { key_ops: "encrypt" }), "key_ops: expected a list"],
    ["a name that is no text", other(RSA, { kid: 7 }), "kid: expected a text"],
    ["a name that is a book", other(RSA, { kid: "x".repeat(257) }), "kid: expected a text"],
    ["a book", other(RSA, { x5c: ["x".repeat(40_000)] }), "at most 32768 characters"],
  ])("%s", async (_, jwk, expected) => {
    const { message, extensions } = await catchRejection(read(jwk));
    expect(extensions).toEqual({ code: "BAD_USER_INPUT" });
    expect(message).toMatch(/^Malformed recipient: /);
    expect(message).toContain(expected);
  });

  it.each([
    ["RSA", rsa.privateKey.export({ format: "jwk" })],
    ["EC", generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" })],
    ["OKP", generateKeyPairSync("x25519").privateKey.export({ format: "jwk" })],
    ["oct", { kty: "oct", k: "c2VjcmV0LXNlY3JldC1zZWNyZXQ" }],
    ["a half private one", { ...RSA, dp: "c2VjcmV0LXNlY3JldC1zZWNyZXQ" }],
    ["an empty one", { ...RSA, d: "" }],
    ["a null one", { ...RSA, d: null }],
  ])("a private key, of which nothing is repeated: %s", async (_, jwk) => {
    const error = await catchRejection(read(jwk));
    expect(error.message).toMatch(/private or symmetric key material/);
    const told = `${error.message} ${error.stack} ${JSON.stringify(error)}`;
    for (const value of Object.values(jwk)) {
      if (typeof value === "string" && value.length > 5) expect(told).not.toContain(value);
    }
  });
});

function toJwk(key: object): JWK {
  return { kty: "", ...key };
}

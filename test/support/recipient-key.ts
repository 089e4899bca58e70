// A key pair of somebody who wants a secret, and what opens it.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { calculateJwkThumbprint, compactDecrypt } from "jose";

export interface RecipientKey {
  /** The public half, as the argument `recipient` takes it. */
  readonly jwk: string;
  readonly thumbprint: string;
  open(sealed: string): Promise<string>;
}

export async function createRecipientKey(kind: "RSA" | "P-256" | "X25519"): Promise<RecipientKey> {
  const { publicKey, privateKey } = createPair(kind);
  const jwk = { kty: "", ...publicKey.export({ format: "jwk" }) };
  return {
    jwk: JSON.stringify(jwk),
    thumbprint: await calculateJwkThumbprint(jwk),
    open: async (sealed) =>
      new TextDecoder().decode((await compactDecrypt(sealed, privateKey)).plaintext),
  };
}

function createPair(kind: "RSA" | "P-256" | "X25519"): {
  publicKey: KeyObject;
  privateKey: KeyObject;
} {
  switch (kind) {
    case "RSA":
      return generateKeyPairSync("rsa", { modulusLength: 2048 });
    case "P-256":
      return generateKeyPairSync("ec", { namedCurve: kind });
    case "X25519":
      return generateKeyPairSync("x25519");
  }
}

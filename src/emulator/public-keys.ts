// Subject keys of the emulated devices. No private half is stored or needed: devices here never prove anything.
import { createECDH, createHash } from "node:crypto";
import { toBitString, toObjectIdentifier, toSequence } from "./der.ts";
import { toDeterminedBytes } from "./determined.ts";

export type KeyType = "rsa-2048" | "rsa-3072" | "ec-p256" | "ec-p384" | "ed25519";

/** What reading a certificate with such a key must find. */
export const KEY_FACTS: Readonly<
  Record<KeyType, { algorithm: "RSA" | "EC" | "Ed25519"; bits: number }>
> = {
  "rsa-2048": { algorithm: "RSA", bits: 2048 },
  "rsa-3072": { algorithm: "RSA", bits: 3072 },
  "ec-p256": { algorithm: "EC", bits: 256 },
  "ec-p384": { algorithm: "EC", bits: 384 },
  ed25519: { algorithm: "Ed25519", bits: 256 },
};

// RSA keys cannot be derived quickly, so all devices of a size share one; the private halves were never stored.
const RSA_2048 = Buffer.from(
  `MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwRRJZwuqql2YpiB+tu9/9qOuBXdwMJgR4zRuWTI3ge/XsTEqwzCa
   Okqs3CJYrAQejb6zVgbPEGjqHm8iMRp9SDmah3OKz+II1RQIKVDEE5gS4Hs7HHt5N23WBilEg9WNzmRACU4UxbONSB0UriZg
   Ur1TiEVeyEM/qvXRRcmFtOn2n4MyEkyGUNtn/5RgI4INIy/WHo1iXjlOUF7GcYOtbYRoHwsZdAVZtER3bHsqyMCREolMOk2O
   7sPmuAHUzsPQEjrwnSr2LdlMpIC2QLreiU1M+5A6NWc9UAajIUvPUDRsMiu5O3mJRNU2SKClwWd+y95gZsBUxQqP9n20ccZJ
   1wIDAQAB`,
  "base64",
);
const RSA_3072 = Buffer.from(
  `MIIBojANBgkqhkiG9w0BAQEFAAOCAY8AMIIBigKCAYEAobkfc3yOXkQ13T+TPPrxMu4Nusfac8NObPdYqOKEEa1Rv2s65tYK
   jhLEGW9jvn9AMiLO2suGtcs7T0LBMWEXUTUvrZpZ/1TXgYTB5xtkyK8iOlj54Ntx2fUZ/Iz0WFQ6PSxroUJLW7IcwJm3zbbR
   o1s8g8GCXkYkX3h/69j9W1HU6rYrTmrbnxImb3UZJQJ/Fuzqa618/HouccB+7RQe6myxKRQwb45E347f3yc5cSZQ0nuWCARQ
   7B9sbzTS/eYfS7iB69xuy46bTkCgNHuQysJC92ecS8A0+HsIdxsYGrFosTQ37ro6MjXcOaCidxkT80Rl/zrfnAlpDInPq7Xx
   GNajWcmblMYJRbSLi+jBqeniU/gXMaDDoXFXGb/YlS5jvel1MbyP96nk46C9f3KxIz0Xz7WasvKtnI1PaChLqLYLhJn5SlZZ
   MdA1XAtY9GAfyv2DajiU6KcMDcNJrh7cnVQ5G/tQBnhfkRJpDqKN+dqFFAjF93K5ehdIFhMILuhzAgMBAAE=`,
  "base64",
);

const EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const P256 = "1.2.840.10045.3.1.7";
const P384 = "1.3.132.0.34";
const ED25519 = "1.3.101.112";

/** The SubjectPublicKeyInfo of a key that follows from `origin`, in DER. */
export function toPublicKeyInfo(type: KeyType, origin: string): Buffer {
  switch (type) {
    case "rsa-2048":
      return RSA_2048;
    case "rsa-3072":
      return RSA_3072;
    case "ec-p256":
      return toEcPublicKeyInfo("prime256v1", P256, origin, 32);
    case "ec-p384":
      return toEcPublicKeyInfo("secp384r1", P384, origin, 48);
    case "ed25519":
      return toEd25519PublicKeyInfo(toDeterminedBytes("ed25519", origin).subarray(0, 32));
  }
}

/** The SubjectPublicKeyInfo around 32 raw bytes. */
function toEd25519PublicKeyInfo(raw: Uint8Array): Buffer {
  return toSequence(toSequence(toObjectIdentifier(ED25519)), toBitString(raw));
}

/** The identifier that authority and subject key extensions carry. */
export function toKeyIdentifier(publicKeyInfo: Uint8Array): Buffer {
  return createHash("sha1").update(publicKeyInfo).digest();
}

function toEcPublicKeyInfo(curve: string, curveId: string, origin: string, size: number): Buffer {
  const keyPair = createECDH(curve);
  keyPair.setPrivateKey(toDeterminedBytes(curve, origin).subarray(0, size));
  return toSequence(
    toSequence(toObjectIdentifier(EC_PUBLIC_KEY), toObjectIdentifier(curveId)),
    toBitString(keyPair.getPublicKey()),
  );
}

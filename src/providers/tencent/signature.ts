// Signature TC3-HMAC-SHA256 of Tencent Cloud API 3.0, for POST requests with a body.
// https://cloud.tencent.com/document/api/213/30654
import { createHash, createHmac } from "node:crypto";

const ALGORITHM = "TC3-HMAC-SHA256";

export interface Tc3SignatureInput {
  readonly secretKey: string;
  /** The product label of the credential scope: `mqtt`. */
  readonly service: string;
  readonly timestampSeconds: number;
  /** The signed headers: names in lower case and sorted, values as they count for the signature. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

/** The value of the `Authorization` header. */
export function toTc3Authorization(
  input: Tc3SignatureInput & { readonly secretId: string },
): string {
  return (
    `${ALGORITHM} Credential=${input.secretId}/${toCredentialScope(input)}, ` +
    `SignedHeaders=${toSignedHeaders(input)}, Signature=${toTc3Signature(input)}`
  );
}

/** The signature in hexadecimal. */
export function toTc3Signature(input: Tc3SignatureInput): string {
  const stringToSign = [
    ALGORITHM,
    String(input.timestampSeconds),
    toCredentialScope(input),
    sha256(toCanonicalRequest(input)),
  ].join("\n");
  const dateKey = hmac(`TC3${input.secretKey}`, toUtcDate(input.timestampSeconds));
  const signingKey = hmac(hmac(dateKey, input.service), "tc3_request");
  return hmac(signingKey, stringToSign).toString("hex");
}

function toCanonicalRequest(input: Tc3SignatureInput): string {
  const headers = input.headers.map(([name, value]) => `${name}:${value}\n`).join("");
  return ["POST", "/", "", headers, toSignedHeaders(input), sha256(input.body)].join("\n");
}

function toSignedHeaders({ headers }: Tc3SignatureInput): string {
  return headers.map(([name]) => name).join(";");
}

function toCredentialScope({ timestampSeconds, service }: Tc3SignatureInput): string {
  return `${toUtcDate(timestampSeconds)}/${service}/tc3_request`;
}

function toUtcDate(timestampSeconds: number): string {
  return new Date(timestampSeconds * 1000).toISOString().slice(0, 10);
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}

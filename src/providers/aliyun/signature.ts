// Signature ACS3-HMAC-SHA256 (V3) of Alibaba Cloud's RPC APIs.
// https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
import { createHash, createHmac } from "node:crypto";

const ALGORITHM = "ACS3-HMAC-SHA256";

export interface Acs3SignatureInput {
  readonly accessKeySecret: string;
  readonly method: string;
  readonly path: string;
  /** Names and values as they mean, not encoded. */
  readonly query: Readonly<Record<string, string>>;
  /** The signed headers: names in lower case and sorted, values trimmed. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body in hexadecimal, as the header `x-acs-content-sha256` carries it. */
  readonly bodySha256: string;
}

/** The value of the `Authorization` header. */
export function toAcs3Authorization(
  input: Acs3SignatureInput & { readonly accessKeyId: string },
): string {
  return (
    `${ALGORITHM} Credential=${input.accessKeyId},` +
    `SignedHeaders=${toSignedHeaders(input)},Signature=${toAcs3Signature(input)}`
  );
}

/** The signature in hexadecimal. */
export function toAcs3Signature(input: Acs3SignatureInput): string {
  const stringToSign = `${ALGORITHM}\n${sha256(toCanonicalRequest(input))}`;
  return createHmac("sha256", input.accessKeySecret).update(stringToSign, "utf8").digest("hex");
}

/** The query as it is signed, and as it can be sent: sorted by name, encoded after RFC 3986. */
export function toAcs3Query(query: Readonly<Record<string, string>>): string {
  return Object.entries(query)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, value]) => `${encodeRfc3986(name)}=${encodeRfc3986(value)}`)
    .join("&");
}

/** Percent-encodes everything but letters, digits and `-._~`. */
export function encodeRfc3986(text: string): string {
  // encodeURIComponent leaves these five as they are, the signature does not.
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function toCanonicalRequest(input: Acs3SignatureInput): string {
  const headers = input.headers.map(([name, value]) => `${name}:${value}\n`).join("");
  return [
    input.method,
    input.path,
    toAcs3Query(input.query),
    headers,
    toSignedHeaders(input),
    input.bodySha256,
  ].join("\n");
}

function toSignedHeaders({ headers }: Acs3SignatureInput): string {
  return headers.map(([name]) => name).join(";");
}

function sha256(text: string): string {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

// An issuer of tokens on 127.0.0.1: signs them, and publishes its keys, until it is told to do otherwise.
import { createServer, type ServerResponse } from "node:http";
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export interface TokenIssuer {
  /** Where the keys are. */
  readonly jwksUrl: string;
  /** How often the keys were asked for. */
  readonly loads: () => number;
  /** What is answered from now on; by default the keys. */
  answer: (response: ServerResponse) => void;
  publish(...keys: readonly IssuerKey[]): void;
  close(): Promise<void>;
}

export const ISSUER = "https://issuer.example/";
export const AUDIENCE = "device-certificates";

export async function createIssuerKey(kid: string, alg = "ES256"): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg } };
}

export interface TokenOptions {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  /** Seconds from now. */
  readonly expiresIn?: number;
}

/** A token that is good, unless the options say otherwise. */
export function signToken(
  { kid, alg, privateKey }: IssuerKey,
  { claims = {}, header = {}, expiresIn = 300 }: TokenOptions = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = { iss: ISSUER, aud: AUDIENCE, sub: "alice", iat: now, exp: now + expiresIn };
  return new SignJWT({ ...payload, ...claims })
    .setProtectedHeader({ alg, kid, ...header })
    .sign(privateKey);
}

export async function startTokenIssuer(...keys: readonly IssuerKey[]): Promise<TokenIssuer> {
  let published = keys;
  let loads = 0;
  const server = createServer((_request, response) => {
    loads += 1;
    issuer.answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const issuer: TokenIssuer = {
    jwksUrl: `http://127.0.0.1:${port}/keys`,
    loads: () => loads,
    answer: (response) =>
      response.end(JSON.stringify({ keys: published.map(({ publicJwk }) => publicJwk) })),
    publish: (...next) => {
      published = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return issuer;
}

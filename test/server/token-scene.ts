// A subgraph that knows callers by tokens, and the issuer of those: for the tests of one file.
import { afterAll, beforeAll } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";
import {
  AUDIENCE,
  createIssuerKey,
  ISSUER,
  type IssuerKey,
  signToken,
  startTokenIssuer,
  type TokenIssuer,
  type TokenOptions,
} from "../support/token-issuer.ts";

const ANYBODY_MAY_ASK = "{ __typename }";
export const OPERATIONS_MAY_ASK = "{ providerQuotas { action } }";

let emulator: Emulator;
export let issuer: TokenIssuer;
export let key: IssuerKey;
export let rsa: IssuerKey;
export let subgraph: TestSubgraph;

/** To be called once, at the top of a test file. */
export function prepareTokenScene(): void {
  beforeAll(async () => {
    emulator = await startEmulator({ fleetSize: 4, seed: "callers", quotas: "off" });
    key = await createIssuerKey("first");
    rsa = await createIssuerKey("rsa", "RS256");
    issuer = await startTokenIssuer(key, rsa);
    subgraph = await start();
  });

  afterAll(async () => {
    await subgraph?.close();
    await issuer?.close();
    await emulator?.close();
  });
}

export const start = (jwt: Record<string, unknown> = {}) =>
  startTestSubgraph({
    connections: toConnections(emulator),
    sections: {
      auth: {
        mode: "jwt",
        jwt: { jwksUrl: issuer.jwksUrl, issuer: ISSUER, audience: AUDIENCE, ...jwt },
      },
    },
  });

export async function send(
  headers: Record<string, string>,
  { query = ANYBODY_MAY_ASK, to = subgraph }: { query?: string; to?: TestSubgraph } = {},
) {
  const response = await fetch(to.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ query }),
  });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

export async function askWith(options: TokenOptions, to = subgraph) {
  return send(bearer(await signToken(key, options)), { query: OPERATIONS_MAY_ASK, to });
}

export const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
export const now = () => Math.floor(Date.now() / 1000);

import { createHmac, generateKeyPairSync } from "node:crypto";
import { request as openRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
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

const READ = "device-certificate:read";
const OPERATIONS = "device-certificate:operations:read";
const ANYBODY_MAY_ASK = "{ __typename }";
const OPERATIONS_MAY_ASK = "{ providerQuotas { action } }";

let emulator: Emulator;
let issuer: TokenIssuer;
let key: IssuerKey;
let rsa: IssuerKey;
let subgraph: TestSubgraph;

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

const start = (jwt: Record<string, unknown> = {}) =>
  startTestSubgraph({
    connections: toConnections(emulator),
    sections: {
      auth: {
        mode: "jwt",
        jwt: { jwksUrl: issuer.jwksUrl, issuer: ISSUER, audience: AUDIENCE, ...jwt },
      },
    },
  });

async function send(
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

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

async function askWith(options: TokenOptions, to = subgraph) {
  return send(bearer(await signToken(key, options)), { query: OPERATIONS_MAY_ASK, to });
}

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = () => Math.floor(Date.now() / 1000);

describe("a caller with a token of the issuer", () => {
  it.each([
    ["Bearer", "Bearer"],
    ["in other case", "bEARER"],
  ])("is let in: %s", async (_, scheme) => {
    const { status, body } = await send({ authorization: `${scheme} ${await signToken(key)}` });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ data: { __typename: "Query" } });
  });

  it("is let in with any key and algorithm of the issuer's", async () => {
    expect((await send(bearer(await signToken(rsa)))).status).toBe(200);
  });

  it("is let in when the audience is one of several", async () => {
    const claims = { aud: ["somebody-else", AUDIENCE] };
    expect((await send(bearer(await signToken(key, { claims })))).status).toBe(200);
  });

  it.each([
    ["a text", { scope: `openid ${OPERATIONS}  ${READ}` }],
    ["a list", { scope: ["openid", OPERATIONS] }],
  ])("has the scopes of the claim: %s", async (_, claims) => {
    expect(JSON.parse((await askWith({ claims })).body).errors).toBeUndefined();
  });

  it.each([
    ["nothing", {}],
    ["another scope", { scope: READ }],
    ["a part of it", { scope: `${OPERATIONS}x x${OPERATIONS}` }],
    ["it between commas", { scope: `${READ},${OPERATIONS}` }],
    ["a number", { scope: 7 }],
    ["an object", { scope: { [OPERATIONS]: true } }],
    ["it inside of an item of a list", { scope: [`${READ} ${OPERATIONS}`] }],
    ["it in another claim", { scp: OPERATIONS, scopes: OPERATIONS }],
  ])("is FORBIDDEN what the claim does not name: %s", async (_, claims) => {
    const { status, body } = await askWith({ claims });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({
      data: { providerQuotas: null },
      errors: [{ extensions: { code: "FORBIDDEN", requiredScopes: [OPERATIONS] } }],
    });
  });

  it("has no scopes of a header, which anybody can write", async () => {
    const { body } = await send(
      {
        ...bearer(await signToken(key)),
        "x-scopes": OPERATIONS,
        "x-gateway-token": "0".repeat(16),
      },
      { query: OPERATIONS_MAY_ASK },
    );
    expect(body).toContain("FORBIDDEN");
  });

  it.each([
    ["inside another claim", "realm_access.roles", { realm_access: { roles: [OPERATIONS] } }],
    ["with dots in its name", "https://a.example/scope", { "https://a.example/scope": OPERATIONS }],
  ])("has the scopes of a claim %s", async (_, scopeClaim, claims) => {
    const other = await start({ scopeClaim });
    const { body } = await askWith({ claims }, other);
    const without = await askWith({ claims: { scope: OPERATIONS } }, other);
    await other.close();
    expect(JSON.parse(body).errors).toBeUndefined();
    expect(without.body).toContain("FORBIDDEN");
  });

  it("has no scopes of a claim that all objects inherit", async () => {
    const other = await start({ scopeClaim: "constructor.name" });
    const { body } = await askWith({}, other);
    await other.close();
    expect(body).toContain("FORBIDDEN");
  });
});

describe("a stranger", () => {
  const forged: readonly [string, () => Promise<string> | string][] = [
    ["no token", () => ""],
    ["a word", () => "token"],
    ["three words", () => "a.b.c"],
    ["a token without signature", () => `${encode({ alg: "none" })}.${goodPayload()}.`],
    [
      "a token that says it needs no signature",
      () => `${encode({ alg: "none" })}.${goodPayload()}.AAAA`,
    ],
    ["a token signed with the public key as a password", () => signWithPublicKey()],
    [
      "a token of another issuer",
      () => signToken(key, { claims: { iss: "https://other.example/" } }),
    ],
    ["a token of an issuer alike", () => signToken(key, { claims: { iss: ISSUER.slice(0, -1) } })],
    ["a token without issuer", () => signToken(key, { claims: { iss: undefined } })],
    ["a token for others", () => signToken(key, { claims: { aud: "others" } })],
    ["a token for nobody", () => signToken(key, { claims: { aud: undefined } })],
    ["a token for nobody of many", () => signToken(key, { claims: { aud: [] } })],
    ["an expired token", () => signToken(key, { expiresIn: -10 })],
    ["a token that never expires", () => signToken(key, { claims: { exp: undefined } })],
    ["a token that expires with a word", () => signToken(key, { claims: { exp: "never" } })],
    ["a token that is not valid yet", () => signToken(key, { claims: { nbf: now() + 60 } })],
    ["a token with an unknown key", async () => signToken(await createIssuerKey("unknown"))],
    ["a token with a key of a known name", async () => signToken(await createIssuerKey("first"))],
    ["a token with another known key's name", () => signToken(key, { header: { kid: "rsa" } })],
    [
      "a token that brings its key along",
      async () => {
        const own = await createIssuerKey("first");
        return signToken(own, { header: { jwk: own.publicJwk } });
      },
    ],
    [
      "a token that says where its key is",
      async () => signToken(await createIssuerKey("x"), { header: { jku: issuer.jwksUrl } }),
    ],
    ["a changed token", async () => changePayload(await signToken(key))],
    ["a token and more", async () => `${await signToken(key)}.AAAA`],
    ["a token twice", async () => `${await signToken(key)} ${await signToken(key)}`],
    ["a very long token", () => `${"a".repeat(3000)}.${"b".repeat(3000)}.c`],
  ];

  const goodPayload = () =>
    encode({ iss: ISSUER, aud: AUDIENCE, sub: "alice", exp: now() + 300, scope: OPERATIONS });

  function signWithPublicKey(): string {
    const text = `${encode({ alg: "HS256", kid: rsa.kid })}.${goodPayload()}`;
    const password = JSON.stringify(rsa.publicJwk);
    return `${text}.${createHmac("sha256", password).update(text).digest("base64url")}`;
  }

  function changePayload(token: string): string {
    const [header, , signature] = token.split(".");
    return `${header}.${goodPayload()}.${signature}`;
  }

  it.each(forged)("is a 401 that does not say why: %s", async (_, forge) => {
    const { status, headers, body } = await send(bearer(await forge()));
    expect(status).toBe(401);
    expect(headers.get("www-authenticate")).toBe("Bearer");
    expect(headers.get("content-type")).toContain("application/json");
    expect(JSON.parse(body)).toEqual({
      errors: [{ message: "There is no valid caller.", extensions: { code: "UNAUTHENTICATED" } }],
    });
  });

  it.each([
    ["no header", {}],
    ["an empty one", { authorization: "" }],
    ["a password", { authorization: `Basic ${Buffer.from("a:b").toString("base64")}` }],
    ["a gateway's headers", { "x-gateway-token": "0".repeat(16), "x-scopes": READ }],
  ])("is a 401 without a token: %s", async (_, headers) => {
    expect((await send(headers)).status).toBe(401);
  });

  it("is a 401 with two tokens, although one is good", async () => {
    const good = `Bearer ${await signToken(key)}`;
    for (const authorization of [
      [good, good],
      ["Bearer a.b.c", good],
      [good, "Bearer a.b.c"],
    ]) {
      expect(await sendRaw({ authorization })).toBe(401);
    }
    expect(await sendRaw({ authorization: good })).not.toBe(401);
  });

  it("is refused before the body is there", async () => {
    expect(await sendRaw({ "content-length": "1000000" })).toBe(401);
  });

  it("finds no token and no claim in the log, which has the reason", async () => {
    const token = await signToken(key, {
      claims: { aud: "others", email: "alice@company.example" },
    });
    await send(bearer(token));
    const logged = subgraph.logged();
    expect(logged).toContain('"claim":"aud"');
    expect(logged).toContain("ERR_JOSE_ALG_NOT_ALLOWED");
    for (const part of token.split(".").slice(1)) expect(logged).not.toContain(part);
    expect(logged).not.toContain("alice");
  });

  /** The status of an answer to what `fetch` does not send; the body never comes. */
  function sendRaw(headers: Record<string, string | string[]>): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const request = openRequest(
        subgraph.url,
        { method: "POST", headers: { "content-type": "text/xml", ...headers } },
        (response) => {
          resolve(response.statusCode);
          request.destroy();
        },
      );
      request.on("error", reject);
      request.flushHeaders();
      if (!("content-length" in headers)) request.end("<>");
    });
  }
});

describe("the algorithms", () => {
  it("are those of the configuration alone", async () => {
    const other = await start({ algorithms: ["RS256"] });
    const [refused, taken] = await Promise.all([
      send(bearer(await signToken(key)), { to: other }),
      send(bearer(await signToken(rsa)), { to: other }),
    ]);
    await other.close();
    expect([refused.status, taken.status]).toEqual([401, 200]);
  });

  it.each(["RS384", "PS256", "ES384", "ES512", "EdDSA", "Ed25519"])("%s is taken", async (alg) => {
    const strong = await createIssuerKey(`with ${alg}`, alg);
    const own = await startTokenIssuer(strong);
    const other = await start({ jwksUrl: own.jwksUrl });
    const { status } = await send(bearer(await signToken(strong)), { to: other });
    await other.close();
    await own.close();
    expect(status).toBe(200);
  });

  it("short RSA keys are not taken, although the issuer has them", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    const { createSign } = await import("node:crypto");
    const jwk = { ...publicKey.export({ format: "jwk" }), kty: "RSA", kid: "short" };
    const own = await startTokenIssuer({ ...rsa, kid: "short", publicJwk: jwk });
    const other = await start({ jwksUrl: own.jwksUrl });
    const text = `${encode({ alg: "RS256", kid: "short" })}.${encode({ iss: ISSUER, aud: AUDIENCE, exp: now() + 60 })}`;
    const signature = createSign("sha256").update(text).sign(privateKey, "base64url");
    const { status } = await send(bearer(`${text}.${signature}`), { to: other });
    await other.close();
    await own.close();
    expect(status).toBe(401);
  });
});

describe("the issuer's keys", () => {
  it("are loaded once, and new ones as soon as a token names them", async () => {
    const [old, next] = [await createIssuerKey("old"), await createIssuerKey("next")];
    const own = await startTokenIssuer(old);
    const other = await start({ jwksUrl: own.jwksUrl });
    const status = async (from: IssuerKey) =>
      (await send(bearer(await signToken(from)), { to: other })).status;
    expect([await status(old), await status(old), await status(old)]).toEqual([200, 200, 200]);
    expect(own.loads()).toBe(1);
    own.publish(old, next);
    expect([await status(next), await status(old)]).toEqual([200, 200]);
    own.publish(next);
    // Still held, until keys are loaded for another reason.
    expect(await status(await createIssuerKey("forged"))).toBe(401);
    expect([await status(old), await status(next)]).toEqual([401, 200]);
    await other.close();
    await own.close();
  });

  it("may be replaced under the same name, or have no name at all", async () => {
    const [old, next] = [await createIssuerKey("same"), await createIssuerKey("same")];
    const own = await startTokenIssuer(old);
    const other = await start({ jwksUrl: own.jwksUrl });
    const status = async (from: IssuerKey, header = {}) =>
      (await send(bearer(await signToken(from, { header })), { to: other })).status;
    expect(await status(old)).toBe(200);
    own.publish(next);
    expect([await status(next), await status(old)]).toEqual([200, 401]);
    const { kid: _, ...nameless } = old.publicJwk;
    const { kid: __, ...alsoNameless } = next.publicJwk;
    own.publish({ ...old, publicJwk: nameless }, { ...next, publicJwk: alsoNameless });
    await status(await createIssuerKey("forged"));
    const unnamed = { kid: undefined };
    expect([await status(old, unnamed), await status(next, unnamed)]).toEqual([200, 200]);
    expect(await status(await createIssuerKey("forged"), unnamed)).toBe(401);
    await other.close();
    await own.close();
  });

  it("are not asked for once for each forged token", async () => {
    const own = await startTokenIssuer(key);
    const other = await start({ jwksUrl: own.jwksUrl });
    for (let count = 0; count < 30; count += 1) {
      const { status } = await send(
        bearer(await signToken(key, { header: { kid: `x${count}` } })),
        {
          to: other,
        },
      );
      expect(status).toBe(401);
    }
    expect(own.loads()).toBeLessThan(10);
    expect((await send(bearer(await signToken(key)), { to: other })).status).toBe(200);
    await other.close();
    await own.close();
  });

  it("go on working while they cannot be loaded, and that is logged once", async () => {
    const own = await startTokenIssuer(key);
    const other = await start({ jwksUrl: own.jwksUrl });
    expect((await send(bearer(await signToken(key)), { to: other })).status).toBe(200);
    await own.close();
    const unknown = await signToken(await createIssuerKey("unknown"));
    for (const token of [unknown, unknown, unknown]) {
      expect((await send(bearer(token), { to: other })).status).toBe(503);
    }
    expect((await send(bearer(await signToken(key)), { to: other })).status).toBe(200);
    await other.close();
    expect(other.logged().match(/the issuer's keys cannot be loaded/g)).toHaveLength(1);
  });

  it.each<[string, TokenIssuer["answer"]]>([
    ["an error", (response) => response.writeHead(500).end("{}")],
    ["a page", (response) => response.end("<html>")],
    ["something else", (response) => response.end('{"keys":{}}')],
    ["no keys but words", (response) => response.end('{"keys":["a"]}')],
    ["half an answer", (response) => response.write("{", () => response.destroy())],
    ["far too much", (response) => response.end(" ".repeat(300_000))],
    ["another place", (response) => response.writeHead(302, { location: issuer.jwksUrl }).end()],
  ])(
    "are not there when the issuer answers with %s: a 503, and a 200 once they are",
    async (_, answer) => {
      const own = await startTokenIssuer(key);
      const good = own.answer;
      own.answer = answer;
      const other = await start({ jwksUrl: own.jwksUrl });
      const token = await signToken(key);
      const { status, headers, body } = await send(bearer(token), { to: other });
      expect(status).toBe(503);
      expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
      expect(JSON.parse(body).errors[0].extensions.code).toBe("UNAUTHENTICATED");
      own.answer = good;
      await expect
        .poll(async () => (await send(bearer(token), { to: other })).status, { timeout: 15_000 })
        .toBe(200);
      await other.close();
      await own.close();
      expect(other.logged()).toContain("the issuer's keys can be loaded again");
    },
  );

  it("of a symmetric kind are never taken", async () => {
    const secret = Buffer.alloc(32, 7);
    const jwk = { kty: "oct", kid: "first", k: secret.toString("base64url") };
    const own = await startTokenIssuer({ ...key, publicJwk: jwk });
    const other = await start({ jwksUrl: own.jwksUrl });
    const text = `${encode({ alg: "HS256", kid: "first" })}.${encode({ iss: ISSUER, aud: AUDIENCE, exp: now() + 60 })}`;
    const signature = createHmac("sha256", secret).update(text).digest("base64url");
    const { status } = await send(bearer(`${text}.${signature}`), { to: other });
    await other.close();
    await own.close();
    expect(status).toBe(401);
  });
});

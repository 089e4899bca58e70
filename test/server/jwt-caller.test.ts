import { createHmac, createSign, generateKeyPairSync } from "node:crypto";
import { request as openRequest } from "node:http";
import { describe, expect, it } from "vitest";
import {
  AUDIENCE,
  createIssuerKey,
  ISSUER,
  signToken,
  startTokenIssuer,
} from "../support/token-issuer.ts";
import {
  askWith,
  bearer,
  encode,
  issuer,
  key,
  now,
  OPERATIONS_MAY_ASK,
  prepareTokenScene,
  rsa,
  send,
  start,
  subgraph,
} from "./token-scene.ts";

const READ = "device-certificate:read";
const OPERATIONS = "device-certificate:operations:read";

prepareTokenScene();

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

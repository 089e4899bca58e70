import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import {
  AUDIENCE,
  createIssuerKey,
  ISSUER,
  type IssuerKey,
  signToken,
  startTokenIssuer,
  type TokenIssuer,
} from "../support/token-issuer.ts";
import { bearer, encode, issuer, key, now, prepareTokenScene, send, start } from "./token-scene.ts";

prepareTokenScene();

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

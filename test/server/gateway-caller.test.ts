import { createServer, request as openRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../src/secret.ts";
import type { Authentication } from "../../src/server/authentication.ts";
import { createAuthenticate } from "../../src/server/caller.ts";
import { createGatewayAuthenticate } from "../../src/server/gateway-caller.ts";

const OLD = "old-0123456789abcdef";
const NEXT = "next-0123456789abcdef";

const gateway = {
  header: "x-gateway-token",
  token: [new Secret(OLD), new Secret(NEXT)],
  scopesHeader: "x-scopes",
  subjectHeader: "x-subject",
};
const authenticate = createGatewayAuthenticate(gateway);

/** Answers every request with nothing, and keeps what was found out about its sender. */
const found: Authentication[] = [];
const server = createServer(async (request, response) => {
  found.push(await authenticate(request));
  response.end();
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => void server.close());

/** What a real request with these headers is taken for. */
async function send(headers: Record<string, string | string[]>): Promise<Authentication> {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  await new Promise<void>((resolve, reject) => {
    openRequest({ host: "127.0.0.1", port, headers }, (response) => {
      response.resume().once("end", resolve);
    })
      .once("error", reject)
      .end();
  });
  const last = found.at(-1);
  if (last === undefined) throw new Error("nothing arrived");
  return last;
}

describe("a gateway", () => {
  it.each([OLD, NEXT])("speaks for its callers with either token", async (token) => {
    const known = await send({
      "X-Gateway-Token": token,
      "X-Scopes": "a:read, b:read  c:read",
      "X-Subject": "alice",
    });
    expect(known).toEqual({
      caller: { subject: "alice", scopes: new Set(["a:read", "b:read", "c:read"]) },
    });
  });

  it("may say nothing of its caller, who then may nothing", async () => {
    expect(await send({ "x-gateway-token": OLD })).toEqual({
      caller: { subject: null, scopes: new Set() },
    });
  });

  it.each([
    ["no token", {}],
    ["no token, but scopes", { "x-scopes": "a:read" }],
    ["an empty token", { "x-gateway-token": "" }],
    ["a part of the token", { "x-gateway-token": OLD.slice(0, -1) }],
    ["the token in other case", { "x-gateway-token": OLD.toUpperCase() }],
    ["the token twice", { "x-gateway-token": [OLD, OLD] }],
    ["both tokens", { "x-gateway-token": [OLD, NEXT] }],
    ["both tokens in one", { "x-gateway-token": `${OLD}, ${NEXT}` }],
    ["a wrong one and the token", { "x-gateway-token": ["wrong", OLD] }],
    ["the token and an empty one", { "x-gateway-token": [OLD, ""] }],
    ["what the token prints as", { "x-gateway-token": "<redacted>" }],
    ["the scopes of two", { "x-gateway-token": OLD, "x-scopes": ["a:read", "b:read"] }],
    ["the subjects of two", { "x-gateway-token": OLD, "x-subject": ["alice", "root"] }],
    ["scopes twice the same", { "x-gateway-token": OLD, "x-scopes": ["a:read", "a:read"] }],
  ])("is not believed with %s", async (_, headers) => {
    expect(await send(headers)).toEqual({
      denial: {
        status: 401,
        headers: { "www-authenticate": "Gateway-Token" },
        message: "There is no valid caller.",
      },
    });
  });

  it("without a token in the configuration nobody is believed", async () => {
    const nobody = createGatewayAuthenticate({ ...gateway, token: [] });
    const head = { headers: { "x-gateway-token": "" }, rawHeaders: ["x-gateway-token", ""] };
    expect(await nobody(head)).toHaveProperty("denial");
  });
});

describe("without authentication", () => {
  it("everybody has the scopes of anybody, whatever headers say", async () => {
    const jwt = { scopeClaim: "scope", algorithms: [] };
    const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
    const open = await createAuthenticate(
      {
        mode: "none",
        allowAnonymous: false,
        jwt: {
          ...jwt,
          jwksUrl: undefined,
          publicKeyFile: undefined,
          issuer: undefined,
          audience: undefined,
        },
        gateway,
      },
      log,
    );
    const head = {
      headers: { "x-gateway-token": OLD, "x-scopes": "device-certificate:secret:read" },
      rawHeaders: ["x-gateway-token", OLD, "x-scopes", "device-certificate:secret:read"],
    };
    expect(await open(head)).toEqual({
      caller: {
        subject: null,
        scopes: new Set(["device-certificate:read", "device-certificate:operations:read"]),
      },
    });
  });
});

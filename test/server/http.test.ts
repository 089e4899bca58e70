import { request as openRequest } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const OLD_TOKEN = "not-a-real-token-old";
const NEW_TOKEN = "not-a-real-token-new";
const QUERY = "{ __typename }";

let emulator: Emulator;
let open: TestSubgraph;
let guarded: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "http" });
  const connections = toConnections(emulator);
  const gateway = { token: [OLD_TOKEN, NEW_TOKEN], header: "X-Door-Key" };
  [open, guarded] = await Promise.all([
    startTestSubgraph({ connections }),
    startTestSubgraph({ connections, sections: { auth: { mode: "gateway", gateway } } }),
  ]);
});

afterAll(async () => {
  await open?.close();
  await guarded?.close();
  await emulator?.close();
});

const JSON_TYPE = { "content-type": "application/json" };

async function send(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  const body = await response.text();
  return { status: response.status, type: response.headers.get("content-type") ?? "", body };
}

const post = (body: string, headers: Record<string, string> = JSON_TYPE) =>
  send(open.url, { method: "POST", headers, body });

describe("what is not GraphQL", () => {
  it.each(["/", "/graphql/", "/graphq", "/metrics", "/readyz", "/livez", "/.env", "/graphql/../x"])(
    "is a 404 in JSON: GET %s",
    async (path) => {
      const { status, type, body } = await send(new URL(path, open.url).href);
      expect(status).toBe(404);
      expect(type).toContain("application/json");
      expect(JSON.parse(body)).toEqual({
        errors: [{ message: expect.any(String), extensions: { code: "NOT_FOUND" } }],
      });
    },
  );

  it.each(["PUT", "DELETE", "PATCH", "HEAD"])("is a 405 in JSON: %s /graphql", async (method) => {
    const response = await fetch(open.url, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET, POST, OPTIONS");
    expect(response.headers.get("content-type")).toContain("application/json");
  });

  it("tells what is allowed when it is asked with OPTIONS, and nothing to other pages", async () => {
    const response = await fetch(open.url, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect(response.status).toBe(204);
    expect(response.headers.get("allow")).toBe("GET, POST, OPTIONS");
    expect([...response.headers.keys()].join()).not.toContain("access-control");
  });

  it.each([
    ["half a document", '{"query":'],
    ["no JSON", "query { __typename }"],
    ["nothing", ""],
    ["null", "null"],
    ["a text", '"{ __typename }"'],
    ["a number", "7"],
    ["a list of operations", `[{"query":"${QUERY}"},{"query":"${QUERY}"}]`],
    ["an object without a query", "{}"],
    ["a query of another type", '{"query":7}'],
    ["variables of another type", `{"query":"${QUERY}","variables":"x"}`],
    ["a query that cannot be parsed", '{"query":"{ deviceCertificate("}'],
    ["a query for what there is not", '{"query":"{ nothingLikeThis }"}'],
    ["bytes that are no text", "\u0000\u0001\ufffd"],
  ])("is a 400 in JSON, without a stack trace: %s", async (_, body) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.type).toContain("application/json");
    const { errors } = JSON.parse(answer.body);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors[0].extensions.code).toMatch(/^[A-Z_]+$/);
    expect(answer.body).not.toMatch(/stacktrace|node_modules|\.ts:|\.js:|at .*\(/);
  });

  it("is refused before it is read whole when it is too long", async () => {
    const { status, type } = await post(`{"query":"${" ".repeat(9 * 1024 * 1024)}"}`);
    expect(status).toBe(413);
    expect(type).toContain("application/json");
  });

  it.each(["text/xml", "multipart/form-data; boundary=x", "application/octet-stream"])(
    "is refused in the type %s",
    async (contentType) => {
      const { status, type } = await post(`{"query":"${QUERY}"}`, { "content-type": contentType });
      expect([400, 415]).toContain(status);
      expect(type).toContain("application/json");
    },
  );
});

describe("a request that a browser would send for somebody else's page", () => {
  it.each(["text/plain", "application/x-www-form-urlencoded"])(
    "is refused as a POST of the type %s",
    async (contentType) => {
      const { status, body } = await post(JSON.stringify({ query: QUERY }), {
        "content-type": contentType,
      });
      expect([400, 415]).toContain(status);
      expect(body).not.toContain('"data"');
    },
  );

  it("is refused as a GET without a header that a form cannot set", async () => {
    const url = `${open.url}?query=${encodeURIComponent(QUERY)}`;
    const refused = await send(url);
    expect(refused.status).toBe(400);
    expect(refused.body).not.toContain('"data"');
    const allowed = await send(url, { headers: { "apollo-require-preflight": "1" } });
    expect(JSON.parse(allowed.body)).toEqual({ data: { __typename: "Query" } });
  });

  it("gets no permission to be read by other pages", async () => {
    const response = await fetch(open.url, {
      method: "POST",
      headers: { ...JSON_TYPE, origin: "https://evil.example" },
      body: JSON.stringify({ query: QUERY }),
    });
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("behind a gateway", () => {
  const ask = (headers: Record<string, string>) =>
    send(guarded.url, {
      method: "POST",
      headers: { ...JSON_TYPE, ...headers },
      body: JSON.stringify({ query: QUERY }),
    });

  it.each([
    ["the old token", OLD_TOKEN],
    ["the new token", NEW_TOKEN],
  ])("%s is accepted while one replaces the other", async (_, token) => {
    const { status, body } = await ask({ "x-door-key": token });
    expect(status).toBe(200);
    expect(JSON.parse(body)).toEqual({ data: { __typename: "Query" } });
  });

  it.each([
    ["no token", {}],
    ["an empty token", { "x-door-key": "" }],
    ["a wrong token of the same length", { "x-door-key": OLD_TOKEN.replace("old", "odd") }],
    ["the start of the token", { "x-door-key": OLD_TOKEN.slice(0, -1) }],
    ["the token and more", { "x-door-key": `${OLD_TOKEN}x` }],
    ["both tokens at once", { "x-door-key": `${OLD_TOKEN}, ${NEW_TOKEN}` }],
    ["the token in the default header", { "x-gateway-token": OLD_TOKEN }],
    ["the token as a bearer", { authorization: `Bearer ${OLD_TOKEN}` }],
    ["scopes alone", { "x-scopes": "device-certificate:read" }],
  ])("%s is a 401 in JSON", async (_, headers) => {
    const { status, type, body } = await ask(headers);
    expect(status).toBe(401);
    expect(type).toContain("application/json");
    expect(JSON.parse(body)).toEqual({
      errors: [{ message: expect.any(String), extensions: { code: "UNAUTHENTICATED" } }],
    });
  });

  it("a 401 is also what stands before a 404 and before a malformed body", async () => {
    expect((await send(new URL("/nothing", guarded.url).href)).status).toBe(401);
    expect(
      (await send(guarded.url, { method: "POST", headers: JSON_TYPE, body: "{" })).status,
    ).toBe(401);
  });

  it("the body of a stranger is not waited for", async () => {
    const { status, body } = await new Promise<{ status: number | undefined; body: string }>(
      (resolve, reject) => {
        const request = openRequest(
          guarded.url,
          { method: "POST", headers: { ...JSON_TYPE, "content-length": 1_000_000 } },
          (response) => {
            text(response).then((read) => {
              request.destroy();
              resolve({ status: response.statusCode, body: read });
            }, reject);
          },
        );
        request.on("error", reject);
        // One byte of a million: the rest never comes.
        request.write("{");
      },
    );
    expect(status).toBe(401);
    expect(body).toContain("UNAUTHENTICATED");
  });

  it("no token is written to the log", () => {
    expect(guarded.logged()).not.toContain(OLD_TOKEN);
    expect(guarded.logged()).not.toContain(NEW_TOKEN);
  });
});

describe("the port of the operator", () => {
  it("tells that the process lives, is ready, and what it counts", async () => {
    const { adminUrl } = open;
    expect(await send(`${adminUrl}/livez`)).toMatchObject({ status: 200 });
    expect(await send(`${adminUrl}/readyz`)).toMatchObject({ status: 200 });
    await open.ask("query ($id: ID!) { deviceCertificate(id: $id) { id } }", {
      id: emulator.fleet.tencentSsl.at(0).id,
    });
    const { status, type, body } = await send(`${adminUrl}/metrics`);
    expect(status).toBe(200);
    expect(type).toContain("text/plain");
    expect(body).toMatch(
      /device_certificates_cloud_calls_total\{provider="tencent-ssl",connection="default",action="DescribeCertificate",outcome="answered"\} 1/,
    );
  });

  it("does not speak GraphQL", async () => {
    const { status } = await send(`${open.adminUrl}/graphql`, {
      method: "POST",
      headers: JSON_TYPE,
      body: JSON.stringify({ query: QUERY }),
    });
    expect(status).toBe(404);
  });
});

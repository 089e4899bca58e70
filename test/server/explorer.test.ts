import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const TOKEN = "a-gateway-token-for-tests";
const server = { port: 0, adminPort: 0, drainSeconds: 0 };

let emulator: Emulator;
let open: TestSubgraph;
let closed: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 1 });
  const connections = toConnections(emulator);
  const auth = { mode: "gateway", gateway: { token: TOKEN } };
  open = await startTestSubgraph({
    connections,
    sections: { server: { ...server, explorer: true }, auth },
  });
  closed = await startTestSubgraph({ connections, sections: { server } });
});

afterAll(async () => {
  await open?.close();
  await closed?.close();
  await emulator?.close();
});

function get(path: string, headers: Record<string, string> = { accept: BROWSER }) {
  return fetch(new URL(path, open.url), { headers });
}

/** The paths of everything that the page loads itself. */
async function listAssets(): Promise<string[]> {
  const page = await (await get("/graphql")).text();
  return [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = ""]) => path);
}

describe("the explorer", () => {
  it("is a page for browsers at /graphql, for whoever opens it", async () => {
    const response = await get("/graphql");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("vary")).toContain("accept");
    expect(await response.text()).toContain('<main id="graphiql">');
  });

  it("allows the page nothing but what this server sends", async () => {
    for (const path of ["/graphql", ...(await listAssets())]) {
      const { status, headers } = await get(path);
      expect(status).toBe(200);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      const policy = headers.get("content-security-policy");
      expect(policy).toContain(
        "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'",
      );
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toMatch(/https?:|\*|unsafe-eval|script-src[^;]*unsafe/);
    }
  });

  it("has all files that its page names, each to be kept for long", async () => {
    const assets = await listAssets();
    expect(assets.length).toBeGreaterThan(2);
    for (const path of assets) {
      expect(path).toMatch(/^\/graphql\/explorer\/assets\//);
      const { status, headers } = await get(path, {});
      expect([path, status]).toEqual([path, 200]);
      expect(headers.get("cache-control")).toContain("immutable");
    }
    expect((await get("/graphql")).headers.get("cache-control")).toBe("no-cache");
  });

  it("answers GraphQL as ever to whoever does not want a page", async () => {
    const question = "/graphql?query={__typename}";
    const asking = { "apollo-require-preflight": "1", "x-gateway-token": TOKEN };
    for (const accept of [
      "application/json",
      "*/*",
      "application/graphql-response+json, text/html",
    ]) {
      const response = await get(question, { ...asking, accept });
      expect(await response.json()).toEqual({ data: { __typename: "Query" } });
    }
    const posted = await open.ask(
      "{__typename}",
      {},
      { accept: BROWSER, "x-gateway-token": TOKEN },
    );
    expect(posted).toEqual({ data: { __typename: "Query" } });
  });

  it("lets nobody ask without a token", async () => {
    for (const accept of [BROWSER, "application/json"])
      expect(await open.ask("{__typename}", {}, { accept })).toMatchObject({
        errors: [{ extensions: { code: "UNAUTHENTICATED" } }],
      });
  });

  it("tells the page the form of ids and the names of headers, and nothing else of the configuration", async () => {
    const examples = await (await get("/graphql/explorer/examples.json")).text();
    expect(JSON.parse(examples)).toEqual({
      ids: [],
      idForms: [
        "tencent-mqtt:<connection>:<InstanceId>:<DeviceCertificateSn>",
        "tencent-ssl:<connection>:<CertificateId>",
        "aliyun-iot:<connection>:<ProductKey>:<DeviceName>",
        "aliyun-mqtt:<connection>:<InstanceId>:<ClientId>",
      ],
      headers: { "x-gateway-token": "", "x-scopes": "device-certificate:read" },
    });
  });

  it.each([
    "/graphql/explorer/",
    "/graphql/explorer/assets",
    "/graphql/explorer/nothing.js",
    "/graphql/explorer/..%2f..%2fpackage.json",
    "/graphql/explorer/%2e%2e/.built",
    "/graphql/explorer/assets/%00.js",
    "/graphql/explorer//index.html",
    "/graphql/explorer/constructor",
  ])("has no file at %s", async (path) => {
    const response = await get(path, { "x-gateway-token": TOKEN, accept: BROWSER });
    expect(response.status).toBe(404);
    await response.text();
  });

  it("is not there unless it is switched on", async () => {
    for (const path of ["/graphql", "/graphql/explorer/index.html"]) {
      const response = await fetch(new URL(path, closed.url), { headers: { accept: BROWSER } });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(await response.text()).not.toContain("<html");
    }
  });
});

import { createRequire } from "node:module";
import { describe, expect, it } from "vitest";
import {
  encodeRfc3986,
  toAcs3Authorization,
  toAcs3Query,
} from "../../../src/providers/aliyun/signature.ts";
import { type LoopbackServer, type ReceivedRequest, startAnswering } from "../loopback.ts";

// CommonJS with `exports.default`, which an import reads differently in Node and in Vitest.
const require = createRequire(import.meta.url);
const core: typeof import("@alicloud/openapi-core") = require("@alicloud/openapi-core");
const classic: typeof import("@alicloud/openapi-client") = require("@alicloud/openapi-client");
// What the SDKs themselves depend on, and their calls want an object of.
const dara = createRequire(require.resolve("@alicloud/openapi-core"))("@darabonba/typescript");
const teaUtil = createRequire(require.resolve("@alicloud/openapi-client"))("@alicloud/tea-util");

const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const QUERIES: readonly [string, Record<string, string>][] = [
  ["plain parameters", { InstanceId: "post-cn-x", ClientId: "GID_test@@@test" }],
  ["no parameters", {}],
  ["other scripts and emoji", { ClientId: "设备-ß-😀" }],
  ["characters that other encoders leave", { ClientId: "a*b'()!~-_." }],
  ["spaces, plus and separators", { ClientId: "a b+c&d=e/f?g#h%25" }],
  ["names in an order of their own", { b: "2", a: "1", B: "3", A: "4", a1: "5" }],
  ["an empty value", { ClientId: "", InstanceId: "x" }],
];

describe("ACS3-HMAC-SHA256", () => {
  it("gives the signature of the vendor's page", () => {
    // https://help.aliyun.com/zh/sdk/product-overview/v3-request-structure-and-signature
    expect(
      toAcs3Authorization({
        accessKeyId: "YourAccessKeyId",
        accessKeySecret: "YourAccessKeySecret",
        method: "POST",
        path: "/",
        query: {
          RegionId: "cn-shanghai",
          ImageId: "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        },
        headers: [
          ["host", "ecs.cn-shanghai.aliyuncs.com"],
          ["x-acs-action", "RunInstances"],
          ["x-acs-content-sha256", EMPTY_SHA256],
          ["x-acs-date", "2023-10-26T10:22:32Z"],
          ["x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d"],
          ["x-acs-version", "2014-05-26"],
        ],
        bodySha256: EMPTY_SHA256,
      }),
    ).toBe(
      "ACS3-HMAC-SHA256 Credential=YourAccessKeyId," +
        "SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
        "Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
    );
  });

  describe.each([
    ["@alicloud/openapi-core", sendWithCore],
    ["@alicloud/openapi-client", sendWithClassic],
  ])("with %s as the oracle", (_, send) => {
    it.each(QUERIES)("signs %s alike", async (_name, query) => {
      const request = await capture((server) => send(server, query));
      expect(toReceivedQuery(request)).toEqual(query);
      expect(toSignature(request, query)).toBe(request.headers["authorization"]);
    });

    it("signs the headers of a session token alike", async () => {
      const query = { ClientId: "a*b" };
      const request = await capture((server) => send(server, query, "TOKEN=="));
      expect(request.headers["x-acs-security-token"]).toBe("TOKEN==");
      expect(toSignature(request, query)).toBe(request.headers["authorization"]);
    });
  });
});

describe("toAcs3Query", () => {
  it.each(QUERIES)("sends %s in a form that means the same", (_, query) => {
    expect(Object.fromEntries(new URLSearchParams(toAcs3Query(query)))).toEqual(query);
  });

  it("encodes all that RFC 3986 does not leave unreserved", () => {
    const printable = String.fromCharCode(...Array.from({ length: 95 }, (_, index) => index + 32));
    expect(encodeRfc3986(printable).replaceAll(/%[0-9A-F]{2}/g, "")).toMatch(/^[A-Za-z0-9\-._~]+$/);
    expect(decodeURIComponent(encodeRfc3986(printable))).toBe(printable);
  });
});

const KEYS = { accessKeyId: "LTAIEXAMPLE", accessKeySecret: "SECRETEXAMPLE" };
const API = {
  action: "GetDeviceCredential",
  version: "2020-04-20",
  protocol: "HTTP",
  pathname: "/",
  method: "POST",
  authType: "AK",
  style: "RPC",
  reqBodyType: "formData",
  bodyType: "json",
};

function toConfig({ port }: LoopbackServer, securityToken?: string) {
  const endpoint = `127.0.0.1:${port}`;
  const token = securityToken === undefined ? {} : { securityToken, type: "sts" };
  return { ...KEYS, ...token, endpoint, protocol: "http", regionId: "cn-hangzhou" };
}

async function sendWithCore(
  server: LoopbackServer,
  query: Record<string, string>,
  token?: string,
): Promise<void> {
  const { $OpenApiUtil, default: Client } = core;
  const client = new Client(new $OpenApiUtil.Config(toConfig(server, token)));
  await client.callApi(
    new $OpenApiUtil.Params(API),
    new $OpenApiUtil.OpenApiRequest({ query }),
    new dara.RuntimeOptions({}),
  );
}

async function sendWithClassic(
  server: LoopbackServer,
  query: Record<string, string>,
  token?: string,
): Promise<void> {
  const { Config, default: Client, OpenApiRequest, Params } = classic;
  const client = new Client(new Config(toConfig(server, token)));
  const runtime = new teaUtil.RuntimeOptions({});
  await client.callApi(new Params(API), new OpenApiRequest({ query }), runtime);
}

async function capture(send: (server: LoopbackServer) => Promise<void>): Promise<ReceivedRequest> {
  const headers = { "content-type": "application/json" };
  const server = await startAnswering({ headers, body: { RequestId: "r" } });
  await send(server);
  const [request] = server.requests;
  if (!request) throw new Error("The SDK sent nothing");
  return request;
}

function toReceivedQuery({ url }: ReceivedRequest): Record<string, string> {
  return Object.fromEntries(new URL(url, "http://127.0.0.1").searchParams);
}

/** The signature that we give to what the SDK says that it signed. */
function toSignature({ method, headers }: ReceivedRequest, query: Record<string, string>): string {
  const names = /SignedHeaders=([^,]*)/.exec(headers["authorization"] ?? "")?.[1]?.split(";") ?? [];
  return toAcs3Authorization({
    ...KEYS,
    method,
    path: "/",
    query,
    headers: names.map((name) => [name, headers[name] ?? ""]),
    bodySha256: headers["x-acs-content-sha256"] ?? "",
  });
}

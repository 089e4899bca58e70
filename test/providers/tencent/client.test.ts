import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { ProviderError } from "../../../src/errors.ts";
import { createCloudClock } from "../../../src/providers/cloud-clock.ts";
import {
  type Credential,
  type CredentialSource,
  createRefreshingSource,
  createStaticSource,
} from "../../../src/providers/credentials.ts";
import { createTencentClient } from "../../../src/providers/tencent/client.ts";
import { TENCENT_ERRORS, TENCENT_MQTT_ERRORS } from "../../../src/providers/tencent/error-codes.ts";
import { toTc3Authorization } from "../../../src/providers/tencent/signature.ts";
import { createTransport } from "../../../src/providers/transport.ts";
import { CertificateNotFoundError } from "../../../src/providers/vendor-errors.ts";
import { Secret } from "../../../src/secret.ts";
import { createRecordingLog } from "../log.ts";
import { type LoopbackServer, startAnswering, startServer } from "../loopback.ts";

const ORIGIN = { provider: "tencent-mqtt", connection: "default" };
const PARAMETERS = { InstanceId: "mqtt-jbgwp4ae", DeviceCertificateSn: "0eef" };
const SUCCESS = { Response: { DeviceCertificateSn: "0eef", Status: "ACTIVE", RequestId: "r-1" } };
const AT_MS = 1_700_000_000_999;

describe("the request", () => {
  it("is signed for the host without its port, and for the product's label", async () => {
    const server = await startAnswering({ body: SUCCESS });
    await open(server).client.request("DescribeDeviceCertificate", PARAMETERS);
    const body = '{"InstanceId":"mqtt-jbgwp4ae","DeviceCertificateSn":"0eef"}';
    expect(server.requests).toEqual([
      {
        method: "POST",
        url: "/",
        body,
        headers: {
          host: `127.0.0.1:${server.port}`,
          connection: "keep-alive",
          "content-length": String(body.length),
          "content-type": "application/json",
          "x-tc-action": "DescribeDeviceCertificate",
          "x-tc-version": "2024-05-16",
          "x-tc-region": "ap-guangzhou",
          "x-tc-timestamp": "1700000000",
          "x-tc-language": "en-US",
          authorization: toTc3Authorization({
            secretId: "AKIDEXAMPLE",
            secretKey: "SECRETEXAMPLE",
            service: "mqtt",
            timestampSeconds: 1_700_000_000,
            headers: [
              ["content-type", "application/json"],
              ["host", "127.0.0.1"],
            ],
            body,
          }),
        },
      },
    ]);
  });

  it("carries the token of temporary credentials, and no region where none is set", async () => {
    const server = await startAnswering({ body: SUCCESS });
    const credentials = createStaticSource(toCredential("AKIDTEMP", "TOKEN=="));
    await open(server, { credentials, region: "" }).client.request("Describe", {});
    expect(server.requests[0]?.headers).toMatchObject({ "x-tc-token": "TOKEN==" });
    expect(server.requests[0]?.headers).not.toHaveProperty("x-tc-region");
  });
});

describe("the answer", () => {
  it("is the content of Response, RequestId included", async () => {
    const server = await startAnswering({ body: SUCCESS });
    expect(await open(server).client.request("Describe", {})).toEqual(SUCCESS.Response);
  });

  it("may have the outer Error and RequestId that the vendor's examples show", async () => {
    const server = await startAnswering({ body: { Error: null, RequestId: null, ...SUCCESS } });
    expect(await open(server).client.request("Describe", {})).toEqual(SUCCESS.Response);
  });

  it.each([
    ["AuthFailure.SignatureFailure", "PROVIDER_DENIED", false],
    ["RequestLimitExceeded", "PROVIDER_THROTTLED", true],
    ["InternalError", "PROVIDER_UNAVAILABLE", true],
    ["FailedOperation.InstanceNotReady", "PROVIDER_UNAVAILABLE", true],
    ["Nobody.KnowsThis", "PROVIDER_UNAVAILABLE", false],
  ])("with HTTP 200 and the error %s is %s (retryable: %s)", async (code, ours, isRetryable) => {
    const server = await startAnswering({ body: toRefusal(code) });
    const { client } = open(server);
    const error = await failureOf(client.request("Describe", {}));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({
      code: ours,
      isRetryable,
      extensions: { ...ORIGIN, code: ours, providerCode: code, requestId: "r-1" },
    });
    expect(server.requests).toHaveLength(1);
  });

  it("that knows no such certificate is an error of its own", async () => {
    const server = await startAnswering({ body: toRefusal("ResourceNotFound.Instance") });
    const error = await failureOf(open(server).client.request("Describe", {}));
    expect(error).toBeInstanceOf(CertificateNotFoundError);
  });

  it("that finds a parameter wrong is the caller's mistake", async () => {
    const server = await startAnswering({ body: toRefusal("InvalidParameterValue.X") });
    const error = await failureOf(open(server).client.request("Describe", {}));
    expect(error).toMatchObject({ extensions: { code: "BAD_USER_INPUT" } });
  });

  it.each([
    ["HTML from the edge", 502, "<html>Bad Gateway</html>", "PROVIDER_UNAVAILABLE"],
    ["an empty body", 500, "", "PROVIDER_UNAVAILABLE"],
    ["a part of JSON", 200, '{"Response":{"Secret":"PLANTED', "PROVIDER_UNAVAILABLE"],
    ["JSON without Response", 200, '{"RequestId":"r"}', "PROVIDER_UNAVAILABLE"],
    ["JSON that is no object", 200, "[]", "PROVIDER_UNAVAILABLE"],
    ["a redirect", 302, "", "PROVIDER_UNAVAILABLE"],
    ["success with a server error's status", 500, JSON.stringify(SUCCESS), "PROVIDER_UNAVAILABLE"],
    ["HTTP 429", 429, "slow down", "PROVIDER_THROTTLED"],
  ])("that is %s is retryable", async (_, status, body, code) => {
    const server = await startAnswering({ status, body });
    const error = await failureOf(open(server).client.request("Describe", {}));
    expect(error).toMatchObject({ code, isRetryable: true, extensions: ORIGIN });
  });
});

describe("no answer", () => {
  it("in time is PROVIDER_TIMEOUT", async () => {
    const server = await startServer(() => {});
    const error = await failureOf(open(server).client.request("Describe", {}));
    expect(error).toMatchObject({ code: "PROVIDER_TIMEOUT", extensions: ORIGIN });
  });

  it("because the connection broke is PROVIDER_UNAVAILABLE, retryable", async () => {
    const server = await startServer((request) => request.socket.resetAndDestroy());
    const error = await failureOf(open(server).client.request("Describe", {}));
    expect(error).toMatchObject({ code: "PROVIDER_UNAVAILABLE", isRetryable: true });
  });

  it("is not waited for after the caller's signal", async () => {
    const server = await startServer(() => {});
    const abort = new AbortController();
    const failed = failureOf(open(server).client.request("Describe", {}, abort.signal));
    abort.abort();
    expect(await failed).toMatchObject({ code: "PROVIDER_TIMEOUT", isRetryable: true });
  });

  it("is not asked for where there is nothing to sign with", async () => {
    const server = await startAnswering({ body: SUCCESS });
    const credentials: CredentialSource = {
      get: () => Promise.reject(new Error("no credentials")),
      refresh() {},
    };
    const error = await failureOf(open(server, { credentials }).client.request("Describe", {}));
    expect(error).toMatchObject({ code: "PROVIDER_UNAVAILABLE", isRetryable: false });
    expect(server.requests).toHaveLength(0);
  });
});

describe("a refused credential", () => {
  it("is replaced, and the call may then be made again", async () => {
    const server = await startAnswering(
      { body: toRefusal("AuthFailure.TokenFailure") },
      { body: SUCCESS },
    );
    const { credentials, loads } = createCountingSource(["one", "two"]);
    const { client } = open(server, { credentials });
    const error = await failureOf(client.request("Describe", {}));
    // The second attempt is the caller's, who counts it against the quota.
    expect(error).toMatchObject({ code: "PROVIDER_DENIED", isRetryable: true });
    expect(await client.request("Describe", {})).toEqual(SUCCESS.Response);
    expect(loads()).toBe(2);
    expect(server.requests[1]?.headers["authorization"]).toContain("Credential=two/");
  });

  it("that nothing replaces is not tried again", async () => {
    const server = await startAnswering({ body: toRefusal("AuthFailure.SecretIdNotFound") });
    const error = await failureOf(open(server).client.request("Describe", {}));
    expect(error).toMatchObject({ code: "PROVIDER_DENIED", isRetryable: false });
    expect(server.requests).toHaveLength(1);
  });

  it("does not make a storm of loads when every call is refused", async () => {
    const server = await startAnswering({ body: toRefusal("AuthFailure.TokenFailure") });
    const { credentials, loads } = createCountingSource(["same", "same", "same"]);
    const { client } = open(server, { credentials });
    const calls = Array.from({ length: 25 }, () => failureOf(client.request("Describe", {})));
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "PROVIDER_DENIED", isRetryable: false });
    }
    expect(loads()).toBe(2);
  });

  it("is not replaced for a lack of permission", async () => {
    const server = await startAnswering({ body: toRefusal("UnauthorizedOperation") });
    const { credentials, loads } = createCountingSource(["one", "two"]);
    await failureOf(open(server, { credentials }).client.request("Describe", {}));
    expect(loads()).toBe(1);
  });
});

describe("secrets", () => {
  const PLANTED = "PLANTED";
  it.each([
    ["a refusal", 200, toRefusal("AuthFailure.SignatureFailure", PLANTED)],
    ["an unknown refusal", 200, toRefusal("Nobody.KnowsThis", PLANTED)],
    ["a certificate that is not there", 200, toRefusal("ResourceNotFound", PLANTED)],
    ["a wrong parameter", 200, toRefusal("InvalidParameter", PLANTED)],
    ["an answer that is cut off", 200, `{"Response":{"Key":"${PLANTED}`],
    ["an answer that is not JSON", 502, PLANTED],
  ])("of the request and the answer do not show in %s", async (_, status, body) => {
    const server = await startAnswering({ status, body });
    const credential = {
      accessKeyId: "AKIDPLANTED",
      accessKeySecret: new Secret(PLANTED),
      securityToken: new Secret(PLANTED),
    };
    const { client, log } = open(server, { credentials: createStaticSource(credential) });
    const error = await failureOf(client.request("Describe", {}));
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(PLANTED);
    expect(JSON.stringify(error)).not.toContain(PLANTED);
    expect(JSON.stringify(log.entries)).not.toContain(PLANTED);
    expect(inspect(client, { depth: null, showHidden: true })).not.toContain(PLANTED);
  });
});

function open(
  server: LoopbackServer,
  {
    credentials = createStaticSource(toCredential("AKIDEXAMPLE")),
    region = "ap-guangzhou",
  }: { readonly credentials?: CredentialSource; readonly region?: string } = {},
) {
  const transport = createTransport({
    origin: server.origin,
    answerTimeoutMs: 1_500,
    environment: {},
  });
  onTestFinished(() => transport.close());
  const log = createRecordingLog();
  const client = createTencentClient({
    transport,
    credentials,
    origin: ORIGIN,
    service: "mqtt",
    version: "2024-05-16",
    region,
    errorTables: [TENCENT_MQTT_ERRORS, TENCENT_ERRORS],
    log,
    clock: createCloudClock(() => AT_MS),
  });
  return { client, log };
}

function toCredential(accessKeyId: string, token?: string): Credential {
  return {
    accessKeyId,
    accessKeySecret: new Secret("SECRETEXAMPLE"),
    ...(token !== undefined && { securityToken: new Secret(token) }),
  };
}

function toRefusal(Code: string, Message = "Something is wrong.") {
  return { Response: { Error: { Code, Message }, RequestId: "r-1" } };
}

/** A source that loads the named keys one after the other. */
function createCountingSource(accessKeyIds: readonly string[]) {
  let loaded = 0;
  const credentials = createRefreshingSource({
    title: "a chain",
    log: createRecordingLog(),
    load: async () => {
      const accessKeyId = accessKeyIds[loaded] ?? "none";
      loaded += 1;
      return { credential: toCredential(accessKeyId, "TOKEN==") };
    },
  });
  return { credentials, loads: () => loaded };
}

async function failureOf(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    (answer) => {
      throw new Error(`Expected a failure, got ${inspect(answer)}`);
    },
    (error: unknown) => error,
  );
}

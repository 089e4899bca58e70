import { inspect } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { createAliyunClient } from "../../../src/providers/aliyun/client.ts";
import {
  ALIYUN_GATEWAY_ERRORS,
  ALIYUN_IOT_ERRORS,
  ALIYUN_MQTT_ERRORS,
} from "../../../src/providers/aliyun/error-codes.ts";
import { toAcs3Authorization } from "../../../src/providers/aliyun/signature.ts";
import { createCloudClock } from "../../../src/providers/cloud-clock.ts";
import {
  type CredentialSource,
  createRefreshingSource,
  createStaticSource,
} from "../../../src/providers/credentials.ts";
import { createTransport } from "../../../src/providers/transport.ts";
import { CertificateNotFoundError } from "../../../src/providers/vendor-errors.ts";
import { Secret } from "../../../src/secret.ts";
import { createRecordingLog } from "../log.ts";
import { type LoopbackServer, startAnswering, startServer } from "../loopback.ts";

const ORIGIN = { provider: "aliyun-iot", connection: "default" };
const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const IOT_SUCCESS = {
  RequestId: "r-1",
  Success: true,
  Code: "",
  DeviceCertInfo: { Status: 2, CertSN: "1234567890123456" },
};
const MQTT_SUCCESS = { RequestId: "r-1", DeviceCredential: { ClientId: "GID_test@@@test" } };

describe("the request", () => {
  it("has all parameters in the query and is signed with the host and its port", async () => {
    const server = await startAnswering({ body: MQTT_SUCCESS });
    const query = { InstanceId: "post-cn-x", ClientId: "GID_test@@@a b*" };
    await open(server).client.request("GetDeviceCredential", query);
    const [request] = server.requests;
    const nonce = request?.headers["x-acs-signature-nonce"] ?? "";
    const signed = {
      host: `127.0.0.1:${server.port}`,
      "x-acs-action": "GetDeviceCredential",
      "x-acs-content-sha256": EMPTY_SHA256,
      "x-acs-date": "2023-11-14T22:13:20Z",
      "x-acs-signature-nonce": nonce,
      "x-acs-version": "2020-04-20",
    };
    expect(request).toEqual({
      method: "POST",
      url: "/?ClientId=GID_test%40%40%40a%20b%2A&InstanceId=post-cn-x",
      body: "",
      headers: {
        ...signed,
        accept: "application/json",
        connection: "keep-alive",
        "content-length": "0",
        authorization: toAcs3Authorization({
          accessKeyId: "LTAIEXAMPLE",
          accessKeySecret: "SECRETEXAMPLE",
          method: "POST",
          path: "/",
          query,
          headers: Object.entries(signed),
          bodySha256: EMPTY_SHA256,
        }),
      },
    });
  });

  it("has a nonce of its own each time", async () => {
    const server = await startAnswering({ body: MQTT_SUCCESS });
    const { client } = open(server);
    await client.request("GetDeviceCredential", {});
    await client.request("GetDeviceCredential", {});
    const nonces = server.requests.map(({ headers }) => headers["x-acs-signature-nonce"]);
    expect(new Set(nonces).size).toBe(2);
    expect(server.requests[0]?.url).toBe("/");
  });

  it("carries and signs the token of temporary credentials", async () => {
    const server = await startAnswering({ body: MQTT_SUCCESS });
    const credentials = createStaticSource(toCredential("STS.EXAMPLE", "TOKEN=="));
    await open(server, { credentials }).client.request("GetDeviceCredential", {});
    const headers = server.requests[0]?.headers;
    expect(headers).toMatchObject({
      "x-acs-security-token": "TOKEN==",
      "x-acs-accesskey-id": "STS.EXAMPLE",
    });
    expect(headers?.["authorization"]).toContain(
      "SignedHeaders=host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;" +
        "x-acs-security-token;x-acs-signature-nonce;x-acs-version,",
    );
  });
});

describe("the answer", () => {
  it.each([
    ["IoT", IOT_SUCCESS],
    ["ApsaraMQ, which has no Success", MQTT_SUCCESS],
  ])("of %s is given back whole", async (_, body) => {
    const server = await startAnswering({ body });
    expect(await open(server).client.request("Get", {})).toEqual(body);
  });

  it.each([
    [
      "IoT's business error",
      200,
      toIotRefusal("iot.system.SystemException"),
      "PROVIDER_UNAVAILABLE",
      true,
    ],
    [
      "IoT's throttle",
      200,
      toIotRefusal("iot.messagebroker.RateLimit"),
      "PROVIDER_THROTTLED",
      true,
    ],
    [
      "IoT's permission",
      200,
      toIotRefusal("iot.common.RamActionPermissionDeny"),
      "PROVIDER_DENIED",
      false,
    ],
    [
      "IoT's code that no page lists",
      200,
      toIotRefusal("iot.cert.Odd"),
      "PROVIDER_UNAVAILABLE",
      false,
    ],
    ["ApsaraMQ's throttle", 400, toRefusal("ApplyTokenOverFlow"), "PROVIDER_THROTTLED", true],
    [
      "ApsaraMQ's permission",
      400,
      toRefusal("InstancePermissionCheckFailed"),
      "PROVIDER_DENIED",
      false,
    ],
    ["ApsaraMQ's overload", 500, toRefusal("SystemOverFlow"), "PROVIDER_UNAVAILABLE", true],
    ["the gateway's throttle", 400, toRefusal("Throttling.User"), "PROVIDER_THROTTLED", true],
    ["the gateway's outage", 503, toRefusal("ServiceUnavailable"), "PROVIDER_UNAVAILABLE", true],
    // It is signed with another time next: that of the answer's Date header.
    ["a clock that is off", 400, toRefusal("InvalidTimeStamp.Expired"), "PROVIDER_DENIED", true],
    ["a key without the right", 403, toRefusal("Forbidden.RAM"), "PROVIDER_DENIED", false],
    ["a used nonce", 400, toRefusal("SignatureNonceUsed"), "PROVIDER_UNAVAILABLE", true],
  ])("that is %s (HTTP %i) is read", async (_, status, body, code, isRetryable) => {
    const server = await startAnswering({ status, body });
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({
      code,
      isRetryable,
      extensions: { ...ORIGIN, code, providerCode: body.Code, requestId: "r-1" },
    });
    expect(server.requests).toHaveLength(1);
  });

  it("of a gateway that writes XML is read too", async () => {
    const body =
      "<?xml version='1.0'?><Error><RequestId>r-1</RequestId><Code>Throttling.User</Code><Message>flow</Message></Error>";
    const server = await startAnswering({ status: 400, body });
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({
      code: "PROVIDER_THROTTLED",
      extensions: { providerCode: "Throttling.User", requestId: "r-1" },
    });
  });

  it.each([
    ["DeviceCredentialNotFound", 400, toRefusal("DeviceCredentialNotFound")],
    ["iot.device.NotExistedDevice", 200, toIotRefusal("iot.device.NotExistedDevice")],
    ["iot.prod.NotExistedProduct", 200, toIotRefusal("iot.prod.NotExistedProduct")],
  ])("%s is an error of its own", async (_, status, body) => {
    const server = await startAnswering({ status, body });
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toBeInstanceOf(CertificateNotFoundError);
  });

  it("that finds a parameter wrong is the caller's mistake", async () => {
    const server = await startAnswering({
      status: 400,
      body: toRefusal("InvalidParameter.ClientId"),
    });
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({ extensions: { code: "BAD_USER_INPUT" } });
  });

  it("that says how long to wait is a throttle, in milliseconds, with any code or none", async () => {
    const headers = { "x-acs-retry-after": "2000" };
    const server = await startAnswering(
      { status: 503, headers, body: toRefusal("ServiceUnavailable") },
      { status: 503, headers, body: "<html>" },
    );
    const { client } = open(server);
    for (let call = 0; call < 2; call += 1) {
      const error = await failureOf(client.request("Get", {}));
      expect(error).toMatchObject({ code: "PROVIDER_THROTTLED", retryAfterMs: 2_000 });
    }
  });

  it.each([
    ["HTML from the edge", 502, "<html>Bad Gateway</html>", "PROVIDER_UNAVAILABLE"],
    ["an empty body", 500, "", "PROVIDER_UNAVAILABLE"],
    ["a part of JSON", 200, '{"DeviceCredential":{"Secret":"PLANTED', "PROVIDER_UNAVAILABLE"],
    ["JSON that is no object", 200, "null", "PROVIDER_UNAVAILABLE"],
    ["a refusal without a code", 400, '{"RequestId":"r"}', "PROVIDER_UNAVAILABLE"],
    ["a redirect", 302, "", "PROVIDER_UNAVAILABLE"],
    ["HTTP 429", 429, "slow down", "PROVIDER_THROTTLED"],
  ])("that is %s is retryable", async (_, status, body, code) => {
    const server = await startAnswering({ status, body });
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({ code, isRetryable: true, extensions: ORIGIN });
  });
});

describe("no answer", () => {
  it("in time is PROVIDER_TIMEOUT", async () => {
    const server = await startServer(() => {});
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({ code: "PROVIDER_TIMEOUT", extensions: ORIGIN });
  });

  it("because the connection broke is PROVIDER_UNAVAILABLE, retryable", async () => {
    const server = await startServer((request) => request.socket.resetAndDestroy());
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({ code: "PROVIDER_UNAVAILABLE", isRetryable: true });
  });
});

describe("a refused credential", () => {
  it.each([
    "InvalidSecurityToken.Expired",
    "InvalidAccessKeyId.NotFound",
    "CheckAccountInfoFailed",
  ])("(%s) is replaced, and the call may then be made again", async (code) => {
    const server = await startAnswering(
      { status: 400, body: toRefusal(code) },
      { body: MQTT_SUCCESS },
    );
    let loads = 0;
    const credentials = createRefreshingSource({
      title: "a chain",
      log: createRecordingLog(),
      load: async () => {
        loads += 1;
        return { credential: toCredential(`STS.${loads}`, "TOKEN==") };
      },
    });
    const { client } = open(server, { credentials });
    const error = await failureOf(client.request("Get", {}));
    expect(error).toMatchObject({ code: "PROVIDER_DENIED", isRetryable: true });
    expect(await client.request("Get", {})).toEqual(MQTT_SUCCESS);
    expect(server.requests[1]?.headers["authorization"]).toContain("Credential=STS.2,");
  });

  it("that nothing replaces is not tried again", async () => {
    const body = toRefusal("InvalidAccessKeyId.NotFound");
    const server = await startAnswering({ status: 404, body });
    const error = await failureOf(open(server).client.request("Get", {}));
    expect(error).toMatchObject({ code: "PROVIDER_DENIED", isRetryable: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe("secrets", () => {
  const PLANTED = "PLANTED";
  it.each([
    ["a refusal that quotes the signed headers", 400, toRefusal("SignatureDoesNotMatch", PLANTED)],
    ["a business error", 200, toIotRefusal("iot.device.Odd", PLANTED)],
    ["a credential that is not there", 400, toRefusal("DeviceCredentialNotFound", PLANTED)],
    ["a wrong parameter", 400, toRefusal("InvalidParameter.X", PLANTED)],
    ["an answer that is cut off", 200, `{"DeviceCredential":{"Secret":"${PLANTED}`],
    ["an answer that is not JSON", 502, PLANTED],
    ["an answer in XML", 400, `<Code>${PLANTED} </Code><RequestId>${PLANTED} </RequestId>`],
  ])("of the request and the answer do not show in %s", async (_, status, body) => {
    const server = await startAnswering({ status, body });
    const credential = {
      accessKeyId: "LTAIPLANTED",
      accessKeySecret: new Secret(PLANTED),
      securityToken: new Secret(PLANTED),
    };
    const { client, log } = open(server, { credentials: createStaticSource(credential) });
    const error = await failureOf(client.request("Get", { ClientId: "x" }));
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain(PLANTED);
    expect(JSON.stringify(error)).not.toContain(PLANTED);
    expect(JSON.stringify(log.entries)).not.toContain(PLANTED);
    expect(inspect(client, { depth: null, showHidden: true })).not.toContain(PLANTED);
  });
});

function open(
  server: LoopbackServer,
  {
    credentials = createStaticSource(toCredential("LTAIEXAMPLE")),
  }: { readonly credentials?: CredentialSource } = {},
) {
  const transport = createTransport({
    origin: server.origin,
    answerTimeoutMs: 1_500,
    environment: {},
  });
  onTestFinished(() => transport.close());
  const log = createRecordingLog();
  const client = createAliyunClient({
    transport,
    credentials,
    origin: ORIGIN,
    version: "2020-04-20",
    errorTables: [ALIYUN_IOT_ERRORS, ALIYUN_MQTT_ERRORS, ALIYUN_GATEWAY_ERRORS],
    log,
    clock: createCloudClock(() => 1_700_000_000_999),
  });
  return { client, log };
}

function toCredential(accessKeyId: string, token?: string) {
  return {
    accessKeyId,
    accessKeySecret: new Secret("SECRETEXAMPLE"),
    ...(token !== undefined && { securityToken: new Secret(token) }),
  };
}

function toIotRefusal(Code: string, ErrorMessage = "Something is wrong.") {
  return { RequestId: "r-1", Success: false, Code, ErrorMessage };
}

function toRefusal(Code: string, Message = "Something is wrong.") {
  return { RequestId: "r-1", HostId: "onsmqtt.cn-hangzhou.aliyuncs.com", Code, Message };
}

async function failureOf(request: Promise<unknown>): Promise<unknown> {
  return request.then(
    (answer) => {
      throw new Error(`Expected a failure, got ${inspect(answer)}`);
    },
    (error: unknown) => error,
  );
}

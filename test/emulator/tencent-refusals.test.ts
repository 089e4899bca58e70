import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { callTencent, sendTencent, type TencentCall, toErrorCode } from "./signed-calls.ts";

let emulator: Emulator;
let call: TencentCall;
beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 16, quotas: "off" });
  const { instanceId, serialNumber } = emulator.fleet.tencentMqtt.at(0);
  call = {
    api: "mqtt",
    action: "DescribeDeviceCertificate",
    parameters: { InstanceId: instanceId, DeviceCertificateSn: serialNumber },
  };
});
afterAll(() => emulator.close());

const codeOf = async (changes: Partial<TencentCall>) =>
  toErrorCode(await callTencent(emulator, { ...call, ...changes }));

describe("the signature of Tencent Cloud", () => {
  it("is accepted with and without the port in the signed host, and with any service label", async () => {
    expect(await codeOf({})).toBeUndefined();
    expect(await codeOf({ signedHost: "127.0.0.1", service: "127" })).toBeUndefined();
  });

  it("is refused when the key is wrong", async () => {
    expect(await codeOf({ secretKey: "wrong" })).toBe("AuthFailure.SignatureFailure");
  });

  it("is refused when the body, the host or a signed header is another than the signed one", async () => {
    expect(await codeOf({ body: `${JSON.stringify(call.parameters)} ` })).toBe(
      "AuthFailure.SignatureFailure",
    );
    expect(await codeOf({ signedHost: "mqtt.tencentcloudapi.com" })).toBe(
      "AuthFailure.SignatureFailure",
    );
    expect(await codeOf({ headers: { "x-tc-action": "DescribeDeviceCertificates" } })).toBe(
      "AuthFailure.SignatureFailure",
    );
  });

  it("is refused when the key id is unknown", async () => {
    const credential = { ...emulator.credentials.tencent.static, accessKeyId: "AKID-nobody" };
    expect(await codeOf({ credential })).toBe("AuthFailure.SecretIdNotFound");
  });

  it("is refused when it is more than five minutes from the cloud's clock, on either side", async () => {
    const now = Date.now();
    for (const nowMs of [now - 310_000, now + 310_000]) {
      expect(await codeOf({ nowMs })).toBe("AuthFailure.SignatureExpire");
    }
    for (const nowMs of [now - 290_000, now + 290_000]) {
      expect(await codeOf({ nowMs })).toBeUndefined();
    }
  });

  it("is refused when the header is malformed or missing", async () => {
    for (const authorization of [undefined, "Basic abc", "TC3-HMAC-SHA256 Credential=a/b"]) {
      expect(await codeOf({ headers: { authorization } })).toBe("AuthFailure.InvalidAuthorization");
    }
  });

  it("is refused with a token that is missing, another's, or expired", async () => {
    const { sts, expiredSts, static: fixed } = emulator.credentials.tencent;
    expect(await codeOf({ credential: sts })).toBeUndefined();
    expect(await codeOf({ credential: sts, headers: { "x-tc-token": undefined } })).toBe(
      "AuthFailure.TokenFailure",
    );
    expect(await codeOf({ credential: sts, token: "another" })).toBe("AuthFailure.TokenFailure");
    expect(await codeOf({ credential: fixed, token: "needless" })).toBe("AuthFailure.TokenFailure");
    expect(await codeOf({ credential: expiredSts })).toBe("AuthFailure.TokenFailure");
  });
});

describe("a request to Tencent Cloud", () => {
  it("is answered with HTTP 200 and an envelope, error or not", async () => {
    const answer = await sendTencent(emulator, { ...call, secretKey: "wrong" });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      Response: {
        Error: { Code: "AuthFailure.SignatureFailure", Message: expect.any(String) },
        RequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
    });
  });

  it("is refused when action, version or region are wrong or missing", async () => {
    expect(await codeOf({ action: "DescribeNothing" })).toBe("InvalidAction");
    expect(await codeOf({ action: "toString" })).toBe("InvalidAction");
    expect(await codeOf({ version: "2019-01-01" })).toBe("NoSuchVersion");
    expect(await codeOf({ headers: { "x-tc-version": undefined } })).toBe("MissingParameter");
    expect(await codeOf({ headers: { "x-tc-region": undefined } })).toBe("MissingParameter");
    expect(await codeOf({ headers: { "x-tc-region": "MOON" } })).toBe("UnsupportedRegion");
  });

  it("is refused when a parameter is missing, unknown, or of another type", async () => {
    const { instanceId } = emulator.fleet.tencentMqtt.at(0);
    const codeFor = (parameters: object) => codeOf({ parameters });
    expect(await codeFor({ InstanceId: instanceId })).toBe("MissingParameter");
    expect(await codeFor({ ...call.parameters, Extra: 1 })).toBe("UnknownParameter");
    expect(await codeFor({ ...call.parameters, InstanceId: 1 })).toBe("InvalidParameter");
  });

  it("says which thing does not exist", async () => {
    const { instanceId } = emulator.fleet.tencentMqtt.at(0);
    expect(
      await codeOf({ parameters: { InstanceId: instanceId, DeviceCertificateSn: "0eef" } }),
    ).toBe("ResourceNotFound.Certificate");
    expect(
      await codeOf({ parameters: { InstanceId: "mqtt-nowhere1", DeviceCertificateSn: "0eef" } }),
    ).toBe("ResourceNotFound.Instance");
    expect(
      await codeOf({
        api: "ssl",
        action: "DescribeCertificate",
        parameters: { CertificateId: "nothing1" },
        headers: { "x-tc-region": undefined },
      }),
    ).toBe("FailedOperation.CertificateNotFound");
  });
});

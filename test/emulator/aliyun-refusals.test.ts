import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { type AliyunCall, callAliyun } from "./signed-calls.ts";

let emulator: Emulator;
let call: AliyunCall;
beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 16, quotas: "off" });
  const { instanceId, clientId } = emulator.fleet.aliyunMqtt.at(0);
  call = {
    api: "mqtt",
    action: "GetDeviceCredential",
    parameters: { InstanceId: instanceId, ClientId: clientId },
  };
});
afterAll(() => emulator.close());

const codeOf = async (changes: Partial<AliyunCall>) => {
  const { status, body } = await callAliyun(emulator, { ...call, ...changes });
  return status === 200 && body["Code"] === undefined ? "OK" : `${status} ${body["Code"]}`;
};

describe("the signature of Alibaba Cloud", () => {
  it("is accepted when it is right", async () => {
    expect(await codeOf({})).toBe("OK");
    expect(await codeOf({ credential: emulator.credentials.aliyun.sts })).toBe("OK");
  });

  it("is refused when the key is wrong", async () => {
    expect(await codeOf({ accessKeySecret: "wrong" })).toBe("400 SignatureDoesNotMatch");
  });

  it("is refused when a header of the vendor's is not signed or not the signed one", async () => {
    expect(await codeOf({ headers: { "x-acs-extra": "1" } })).toBe("400 SignatureDoesNotMatch");
    expect(await codeOf({ headers: { "x-acs-version": "2000-01-01" } })).toBe(
      "400 SignatureDoesNotMatch",
    );
  });

  it("is refused when the key id is unknown", async () => {
    const credential = { ...emulator.credentials.aliyun.static, accessKeyId: "LTAI-nobody" };
    expect(await codeOf({ credential })).toBe("404 InvalidAccessKeyId.NotFound");
  });

  it("is refused when it is more than fifteen minutes from the cloud's clock, on either side", async () => {
    const now = Date.now();
    for (const nowMs of [now - 910_000, now + 910_000]) {
      expect(await codeOf({ nowMs })).toBe("400 InvalidTimeStamp.Expired");
    }
    for (const nowMs of [now - 890_000, now + 890_000]) expect(await codeOf({ nowMs })).toBe("OK");
    expect(await codeOf({ date: "yesterday" })).toBe("400 InvalidTimeStamp.Format");
  });

  it("is refused when its nonce was used before", async () => {
    expect(await codeOf({ nonce: "once" })).toBe("OK");
    expect(await codeOf({ nonce: "once" })).toBe("400 SignatureNonceUsed");
    expect(await codeOf({ nonce: "twice" })).toBe("OK");
  });

  it("is refused when the header is malformed or missing", async () => {
    for (const authorization of [undefined, "Basic abc"]) {
      expect(await codeOf({ headers: { authorization } })).toBe("400 IncompleteSignature");
    }
  });

  it("is refused with a token that is missing, another's, or expired", async () => {
    const { sts, expiredSts } = emulator.credentials.aliyun;
    expect(await codeOf({ credential: sts, token: null })).toBe("400 MissingSecurityToken");
    expect(await codeOf({ credential: sts, token: "another" })).toBe(
      "400 InvalidSecurityToken.MismatchWithAccessKey",
    );
    expect(await codeOf({ credential: expiredSts })).toBe("400 InvalidSecurityToken.Expired");
  });
});

describe("a request to Alibaba Cloud", () => {
  it("is refused in the envelope of the gateway", async () => {
    const { body, headers } = await callAliyun(emulator, { ...call, accessKeySecret: "wrong" });
    const requestId = headers.get("x-acs-request-id");
    expect(requestId).toMatch(/^[0-9A-F-]{36}$/);
    expect(body).toEqual({
      RequestId: requestId,
      HostId: new URL(emulator.origins.aliyun.mqtt).host,
      Code: "SignatureDoesNotMatch",
      Message: expect.any(String),
      Recommend: expect.stringContaining("SignatureDoesNotMatch"),
    });
  });

  it("is refused when action, version, method or a parameter are wrong or missing", async () => {
    expect(await codeOf({ action: "GetNothing" })).toBe("404 InvalidAction.NotFound");
    expect(await codeOf({ version: "2000-01-01" })).toBe("400 InvalidVersion");
    expect(await codeOf({ method: "GET" })).toBe("400 UnsupportedHTTPMethod");
    expect(await codeOf({ parameters: { InstanceId: "post-cn-emul00001" } })).toBe(
      "400 MissingClientId",
    );
  });

  it("says with HTTP 400 what ApsaraMQ does not have", async () => {
    const { instanceId } = emulator.fleet.aliyunMqtt.at(0);
    const codeFor = (InstanceId: string, ClientId: string) =>
      codeOf({ parameters: { InstanceId, ClientId } });
    expect(await codeFor(instanceId, "GID_emulated@@@nobody")).toBe("400 DeviceCredentialNotFound");
    expect(await codeFor(instanceId, "nobody")).toBe("400 ParameterCheckFailed");
    expect(await codeFor("post-cn-nowhere", "GID_emulated@@@nobody")).toBe(
      "400 InstancePermissionCheckFailed",
    );
  });

  it("says with HTTP 200 what the IoT Platform does not have", async () => {
    const codeFor = (ProductKey: string, DeviceName: string) =>
      codeOf({
        api: "iot",
        action: "QueryDeviceCert",
        parameters: { ProductKey, DeviceName },
      });
    const { productKey, deviceName } = emulator.fleet.aliyunIot.at(0);
    expect(await codeFor(productKey, deviceName)).toBe("OK");
    expect(await codeFor(productKey, "nobody")).toBe("200 iot.device.NotExistedDevice");
    expect(await codeFor(productKey, "")).toBe("200 iot.device.NullDeviceName");
    expect(await codeFor(productKey, "a b c d")).toBe("200 iot.device.InvalidFormattedDeviceName");
    expect(await codeFor("a1nowhere00", deviceName)).toBe("200 iot.prod.NotExistedProduct");
    expect(await codeFor("", deviceName)).toBe("200 iot.prod.NullProductKey");
    expect(await codeFor("a b", deviceName)).toBe("200 iot.prod.InvalidFormattedProductkey");
  });

  it("has to name the IoT instance when there is one", async () => {
    const single = await startEmulator({ fleetSize: 1, iotInstanceId: "iot-emul0001" });
    const { productKey, deviceName } = single.fleet.aliyunIot.at(0);
    const answerTo = async (extra: Record<string, string>) => {
      const { body } = await callAliyun(single, {
        api: "iot",
        action: "QueryDeviceCert",
        parameters: { ProductKey: productKey, DeviceName: deviceName, ...extra },
      });
      return body["Success"];
    };
    expect(await answerTo({})).toBe(false);
    expect(await answerTo({ IotInstanceId: "iot-emul0001" })).toBe(true);
    await single.close();
  });
});

import { type AbstractClient, CommonClient } from "tencentcloud-sdk-nodejs-common";
import { describe, expect, it } from "vitest";
import { toTc3Authorization, toTc3Signature } from "../../../src/providers/tencent/signature.ts";
import { startAnswering } from "../loopback.ts";

describe("TC3-HMAC-SHA256", () => {
  it("gives the signature of the vendor's page", () => {
    // https://cloud.tencent.com/document/api/213/30654
    expect(
      toTc3Signature({
        secretKey: "*".repeat(32),
        service: "cvm",
        timestampSeconds: 1551113065,
        headers: [
          ["content-type", "application/json; charset=utf-8"],
          ["host", "cvm.tencentcloudapi.com"],
          ["x-tc-action", "describeinstances"],
        ],
        body: String.raw`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`,
      }),
    ).toBe("10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f");
  });

  it("gives the header that the official SDK was seen to send", () => {
    expect(
      toTc3Authorization({
        secretId: "AKIDEXAMPLE",
        secretKey: "SECRETEXAMPLE",
        service: "mqtt",
        timestampSeconds: 1700000000,
        headers: [
          ["content-type", "application/json"],
          ["host", "mqtt.tencentcloudapi.com"],
        ],
        body: '{"InstanceId":"mqtt-jbgwp4ae","DeviceCertificateSn":"0eef68a582b94254296e54ce754f94d707a59911"}',
      }),
    ).toBe(
      "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2023-11-14/mqtt/tc3_request, SignedHeaders=content-type;host, " +
        "Signature=e831e2be6d67d1d7f01a1c6b57da3dacb8c9f9863f3a02f92746f36463a84a86",
    );
  });

  it.each([
    ["plain text", { InstanceId: "mqtt-x", DeviceCertificateSn: "0eef" }],
    ["nothing", {}],
    ["other scripts and emoji", { Name: "设备-ß-😀", Nested: [{ Values: ["é", "\u2028"] }] }],
    ["characters that queries escape", { Name: "a*b'()!~@@@ +%2F&=?#\"\\" }],
    ["numbers, booleans and lists", { Limit: 100, Offset: 0, Is: false, List: [1, "2", null] }],
  ])("signs %s as the official SDK does", async (_, parameters) => {
    const { headers, body } = await captureSdkRequest(parameters);
    expect(headers["authorization"]).toBe(
      toTc3Authorization({ ...KEYS, ...toSigned(headers, body) }),
    );
  });

  it("signs a call with a token as the official SDK does: the token is sent and not signed", async () => {
    const { headers, body } = await captureSdkRequest({ A: "b" }, "TOKEN==");
    expect(headers["x-tc-token"]).toBe("TOKEN==");
    expect(headers["authorization"]).toBe(
      toTc3Authorization({ ...KEYS, ...toSigned(headers, body) }),
    );
  });
});

const KEYS = { secretId: "AKIDEXAMPLE", secretKey: "SECRETEXAMPLE" };

async function captureSdkRequest(parameters: object, token?: string) {
  const server = await startAnswering({ body: { Response: { RequestId: "r" } } });
  const client: AbstractClient = new CommonClient(`127.0.0.1:${server.port}`, "2024-05-16", {
    credential: { ...KEYS, ...(token !== undefined && { token }) },
    region: "ap-guangzhou",
    profile: { httpProfile: { protocol: "http://" } },
  });
  await client.request("DescribeDeviceCertificate", parameters);
  const [request] = server.requests;
  if (!request) throw new Error("The SDK sent nothing");
  return request;
}

/** The SDK signs the host without its port, and the endpoint's first label as the service. */
function toSigned(headers: Readonly<Record<string, string>>, body: string) {
  return {
    service: "127",
    timestampSeconds: Number(headers["x-tc-timestamp"]),
    headers: [
      ["content-type", headers["content-type"] ?? ""],
      ["host", "127.0.0.1"],
    ] as const,
    body,
  };
}

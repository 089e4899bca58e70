// The official SDKs, unchanged, against the emulator: what it takes for right is what the vendors' own code sends.
import { Agent } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { CommonClient } from "tencentcloud-sdk-nodejs-common";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmulatedCredential, type Emulator, startEmulator } from "../../src/emulator/index.ts";

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 40, quotas: "off" });
});
afterAll(() => emulator.close());

describe("tencentcloud-sdk-nodejs-common", () => {
  it("reads a device certificate with static and with temporary credentials", async () => {
    const { tencent } = emulator.credentials;
    for (const credential of [tencent.static, tencent.sts]) {
      const expected = emulator.fleet.tencentMqtt.at(4);
      const answer = await createTencentClient("mqtt", credential).request(
        "DescribeDeviceCertificate",
        {
          InstanceId: expected.instanceId,
          DeviceCertificateSn: expected.serialNumber,
        },
      );
      expect(answer).toEqual({ ...expected.toItem(), RequestId: expect.any(String) });
    }
  });

  it("lists device certificates by several serial numbers", async () => {
    const wanted = [0, 4, 8, 12].map((index) => emulator.fleet.tencentMqtt.at(index));
    const answer = await createTencentClient("mqtt").request("DescribeDeviceCertificates", {
      InstanceId: wanted[0]?.instanceId,
      Filters: [
        {
          Name: "DeviceCertificateSn",
          Values: wanted.map(({ serialNumber }) => serialNumber),
        },
      ],
      Limit: 100,
      OrderBy: "CREATE_TIME_ASC",
    });
    expect(answer.TotalCount).toBe(4);
    expect(answer.Data).toEqual(
      wanted
        .map((certificate) => certificate.toItem())
        .sort((left, right) => left.CreatedTime - right.CreatedTime),
    );
  });

  it("reads and lists SSL certificates", async () => {
    const expected = emulator.fleet.tencentSsl.at(7);
    const client = createTencentClient("ssl");
    const detail = await client.request("DescribeCertificate", {
      CertificateId: expected.certificateId,
    });
    expect(detail).toEqual({ ...expected.toDetail(), RequestId: expect.any(String) });
    const list = await client.request("DescribeCertificates", {
      CertIds: [expected.certificateId, "unknown1"],
      Limit: 2,
    });
    expect(list).toEqual({
      TotalCount: 1,
      Certificates: [expected.toItem()],
      RequestId: expect.any(String),
    });
  });

  it("signs the vendor's host and scope when an agent dials the emulator", async () => {
    const { port } = new URL(emulator.origins.tencent.mqtt);
    class DialingAgent extends Agent {
      override createConnection() {
        return connect(Number(port), "127.0.0.1");
      }
    }
    const agent = new DialingAgent();
    const expected = emulator.fleet.tencentMqtt.at(1);
    const client = new CommonClient("mqtt.tencentcloudapi.com", "2024-05-16", {
      credential: toTencentCredential(emulator.credentials.tencent.static),
      region: "ap-guangzhou",
      profile: { httpProfile: { protocol: "http://", agent } },
    });
    const answer = await client.request("DescribeDeviceCertificate", {
      InstanceId: expected.instanceId,
      DeviceCertificateSn: expected.serialNumber,
    });
    expect(answer.DeviceCertificateSn).toBe(expected.serialNumber);
    agent.destroy();
  });

  it("throws the vendor's code for a refusal", async () => {
    await expect(
      createTencentClient("mqtt").request("DescribeDeviceCertificate", {
        InstanceId: "mqtt-unknown0",
        DeviceCertificateSn: "0eef",
      }),
    ).rejects.toMatchObject({ code: "ResourceNotFound.Instance", requestId: expect.any(String) });
  });
});

/** What is used of the SDKs. Both are CommonJS with a default export, which no bundler and no loader treats alike. */
interface AlibabaModels {
  readonly Config: new (settings: object) => object;
  readonly Params: new (settings: object) => object;
  readonly OpenApiRequest: new (settings: object) => object;
}
interface AlibabaClient {
  callApi(params: object, request: object, runtime: object): Promise<{ readonly body: unknown }>;
}
interface AlibabaSdk extends AlibabaModels {
  readonly default: new (config: object) => AlibabaClient;
  /** Where openapi-core keeps its models. */
  readonly $OpenApiUtil?: AlibabaModels;
}

const require = createRequire(import.meta.url);

describe.each(["@alicloud/openapi-client", "@alicloud/openapi-core"])("%s", (name) => {
  const sdk: AlibabaSdk = require(name);
  const { Config, Params, OpenApiRequest } = sdk.$OpenApiUtil ?? sdk;

  it("reads a device certificate with static and with temporary credentials", async () => {
    const { aliyun } = emulator.credentials;
    for (const credential of [aliyun.static, aliyun.sts]) {
      const expected = emulator.fleet.aliyunIot.at(0);
      const answer = await callAlibaba("iot", "QueryDeviceCert", credential, {
        ProductKey: expected.productKey,
        DeviceName: expected.deviceName,
      });
      expect(answer.body).toEqual({
        RequestId: expect.any(String),
        Success: true,
        DeviceCertInfo: expected.toItem(),
      });
    }
  });

  it("reads credentials whose client ids need every kind of escaping", async () => {
    for (const expected of emulator.fleet.aliyunMqtt.all()) {
      const answer = await callAlibaba(
        "mqtt",
        "GetDeviceCredential",
        emulator.credentials.aliyun.static,
        { InstanceId: expected.instanceId, ClientId: expected.clientId },
      );
      expect(answer.body).toMatchObject({ DeviceCredential: expected.item });
    }
  });

  it("throws the vendor's code for a refusal with an HTTP status", async () => {
    await expect(
      callAlibaba("mqtt", "GetDeviceCredential", emulator.credentials.aliyun.static, {
        InstanceId: "post-cn-emul00001",
        ClientId: "GID_emulated@@@nobody",
      }),
    ).rejects.toMatchObject({ code: expect.stringContaining("DeviceCredentialNotFound") });
  });

  it("takes a business error with HTTP 200 for an answer", async () => {
    const answer = await callAlibaba("iot", "QueryDeviceCert", emulator.credentials.aliyun.static, {
      ProductKey: "a1emulX509A",
      DeviceName: "nobody",
    });
    expect(answer.body).toMatchObject({ Success: false, Code: "iot.device.NotExistedDevice" });
  });

  function callAlibaba(
    api: "iot" | "mqtt",
    action: string,
    credential: EmulatedCredential,
    query: Record<string, string>,
  ) {
    const client = new sdk.default(
      new Config({
        accessKeyId: credential.accessKeyId,
        accessKeySecret: credential.accessKeySecret,
        ...(credential.securityToken !== undefined && { securityToken: credential.securityToken }),
        endpoint: new URL(emulator.origins.aliyun[api]).host,
        protocol: "http",
        regionId: "cn-shanghai",
      }),
    );
    return client.callApi(
      new Params({
        action,
        version: api === "iot" ? "2018-01-20" : "2020-04-20",
        protocol: "HTTP",
        method: "POST",
        pathname: "/",
        authType: "AK",
        style: "RPC",
        reqBodyType: "formData",
        bodyType: "json",
      }),
      new OpenApiRequest({ query }),
      {},
    );
  }
});

function createTencentClient(
  api: "mqtt" | "ssl",
  credential: EmulatedCredential = emulator.credentials.tencent.static,
) {
  return new CommonClient(
    `${api}.tencentcloudapi.com`,
    api === "mqtt" ? "2024-05-16" : "2019-12-05",
    {
      credential: toTencentCredential(credential),
      region: "ap-guangzhou",
      profile: {
        httpProfile: {
          endpoint: new URL(emulator.origins.tencent[api]).host,
          protocol: "http://",
        },
      },
    },
  );
}

function toTencentCredential(credential: EmulatedCredential) {
  return {
    secretId: credential.accessKeyId,
    secretKey: credential.accessKeySecret,
    ...(credential.securityToken !== undefined && { token: credential.securityToken }),
  };
}

import "reflect-metadata";
import { describe, expect, it } from "vitest";
import { aliyunMqtt } from "../../../../src/providers/aliyun/mqtt/index.ts";
import { askScripted, readFacts } from "../../../support/scripted-cloud.ts";

const KEY = ["post-cn-0pp12gl****", "GID_test@@@test"];

const answer = (credential: unknown) => ({
  body: { RequestId: "020F6A43-19E6-4B6E-B846-44EB31DF****", DeviceCredential: credential },
});
const read = (credential: unknown) =>
  readFacts({ product: aliyunMqtt, key: KEY, answers: [answer(credential)] });

const FULL = {
  ClientId: "GID_test@@@test",
  CreateTime: 1_605_541_382_000,
  DeviceAccessKeyId: "DC.Z5fYh69uUA3m7Vh****",
  DeviceAccessKeySecret: "not-a-real-secret",
  InstanceId: "post-cn-0pp12gl****",
  UpdateTime: 1_605_541_383_000,
};

describe("the answer of GetDeviceCredential", () => {
  it("is translated field by field, without the secret", async () => {
    expect(await read(FULL)).toEqual({
      reportedStatus: "ACTIVE",
      providerStatus: null,
      createdAt: new Date(1_605_541_382_000),
      updatedAt: new Date(1_605_541_383_000),
      instanceId: "post-cn-0pp12gl****",
      clientId: "GID_test@@@test",
      deviceAccessKeyId: "DC.Z5fYh69uUA3m7Vh****",
    });
  });

  it.each([
    ["absent", {}],
    ["null", Object.fromEntries(Object.keys(FULL).map((name) => [name, null]))],
    ["0", { CreateTime: 0, UpdateTime: 0 }],
  ])("has null where everything is %s, and the key that was asked with", async (_, credential) => {
    expect(await read(credential)).toEqual({
      reportedStatus: "ACTIVE",
      providerStatus: null,
      createdAt: null,
      updatedAt: null,
      instanceId: "post-cn-0pp12gl****",
      clientId: "GID_test@@@test",
      deviceAccessKeyId: null,
    });
  });

  it("reads times that come as texts", async () => {
    expect(await read({ ...FULL, CreateTime: "1605541382000" })).toMatchObject({
      createdAt: new Date(1_605_541_382_000),
    });
  });

  it.each([{ ClientId: "GID_test@@@other" }, { InstanceId: "post-cn-other" }])(
    "is never taken for another client's: %j",
    async (other) => {
      await expect(read({ ...FULL, ...other })).rejects.toMatchObject({
        extensions: { code: "PROVIDER_UNAVAILABLE" },
      });
    },
  );
});

describe("the call", () => {
  it("asks for the instance and the client", async () => {
    const { requests } = await askScripted({
      product: aliyunMqtt,
      keys: [["i", "GID@@@line:2 (50%+*'~!)"]],
      answers: [answer({})],
    });
    expect(requests[0]?.method).toBe("POST");
    expect(requests[0]?.headers).toMatchObject({
      "x-acs-action": "GetDeviceCredential",
      "x-acs-version": "2020-04-20",
    });
    expect(Object.fromEntries(new URLSearchParams(requests[0]?.path.slice(2)))).toEqual({
      InstanceId: "i",
      ClientId: "GID@@@line:2 (50%+*'~!)",
    });
  });

  it("answers null for the code DeviceCredentialNotFound, which comes with status 400", async () => {
    const body = { RequestId: "1", Code: "DeviceCredentialNotFound", Message: "…" };
    const { outcomes } = await askScripted({
      product: aliyunMqtt,
      keys: [KEY],
      answers: [{ status: 400, body }],
    });
    expect(outcomes).toEqual([{ status: "fulfilled", value: null }]);
  });

  it("answers null when a success holds nothing", async () => {
    expect(await read(null)).toBeNull();
  });
});

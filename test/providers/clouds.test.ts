import { describe, expect, it } from "vitest";
import { z } from "zod";
import { aliyunCloud } from "../../src/providers/aliyun/cloud.ts";
import { tencentCloud } from "../../src/providers/tencent/cloud.ts";

describe("what a connection of a cloud can be given", () => {
  it("is nothing more for Tencent Cloud", () => {
    const settings = z.strictObject(tencentCloud.settings);
    expect(settings.safeParse({ iotInstanceId: "x" }).success).toBe(false);
  });

  it.each([
    [{}, true],
    [{ iotInstanceId: null }, true],
    [{ iotInstanceId: "iot-1234" }, true],
    [{ iotInstanceId: "" }, false],
    [{ iotInstanceId: 1 }, false],
  ])("takes for Alibaba Cloud %j: %s", (settings, isTaken) => {
    expect(z.strictObject(aliyunCloud.settings).safeParse(settings).success).toBe(isTaken);
  });

  it.each([tencentCloud, aliyunCloud])("is described, for $title", ({ settings }) => {
    const { properties = {} } = z.toJSONSchema(z.object(settings));
    for (const property of Object.values(properties)) {
      expect(property).toHaveProperty("description", expect.any(String));
    }
  });
});

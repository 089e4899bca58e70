import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { createQuotas, createSlidingWindow } from "../../src/emulator/quota-window.ts";
import { callAliyun, callTencent, toErrorCode } from "./signed-calls.ts";

describe("a sliding window", () => {
  it("counts what arrived in the second that ends now", () => {
    const window = createSlidingWindow();
    for (const at of [0, 400, 999]) window.add(at);
    expect(window.count(999)).toBe(3);
    expect(window.count(1000)).toBe(2);
    expect(window.count(1399.5)).toBe(2);
    expect(window.count(1400)).toBe(1);
    expect(window.count(5000)).toBe(0);
  });

  it("stays right over very many calls", () => {
    const window = createSlidingWindow();
    for (let at = 0; at < 20_000; at++) window.add(at);
    expect(window.count(20_000)).toBe(999);
  });
});

describe("quotas", () => {
  it("never let more than the limit pass in any one second, however the calls fall", () => {
    const quotas = createQuotas();
    const granted: number[] = [];
    for (let at = 0; at < 5000; at += 13) {
      if (quotas.admit("DescribeCertificate", "me", at)) granted.push(at);
    }
    for (const start of granted) {
      expect(granted.filter((at) => at >= start && at < start + 1000).length).toBeLessThanOrEqual(
        10,
      );
    }
    expect(granted.length).toBeGreaterThanOrEqual(45);
  });

  it("count each action and each account alone", () => {
    const quotas = createQuotas({ callsPerSecond: { QueryDeviceCert: 1 } });
    expect(quotas.admit("QueryDeviceCert", "me", 0)).toBe(true);
    expect(quotas.admit("QueryDeviceCert", "me", 1)).toBe(false);
    expect(quotas.admit("QueryDeviceCert", "you", 2)).toBe(true);
    expect(quotas.admit("GetDeviceCredential", "me", 3)).toBe(true);
  });

  it("block a source address that goes too far, for a while and for all it sends", () => {
    const quotas = createQuotas({ callsPerSecondAndSourceAddress: 2, blockMs: 5000 });
    expect([0, 1, 2].map((at) => quotas.admitSource("10.0.0.1", at))).toEqual([true, true, false]);
    expect(quotas.admitSource("10.0.0.1", 2000)).toBe(false);
    expect(quotas.admitSource("10.0.0.2", 2000)).toBe(true);
    expect(quotas.admitSource("10.0.0.1", 5002)).toBe(true);
  });
});

describe("the emulated clouds", () => {
  let emulator: Emulator;
  let nowMs: number;
  beforeEach(async () => {
    nowMs = Date.UTC(2030, 0, 1);
    emulator = await startEmulator({ fleetSize: 8, clock: () => nowMs });
  });
  afterEach(() => emulator.close());

  const describeCertificate = (credential = emulator.credentials.tencent.static) =>
    callTencent(emulator, {
      api: "mqtt",
      action: "DescribeDeviceCertificate",
      parameters: { InstanceId: "mqtt-emul0001", DeviceCertificateSn: "0eef" },
      credential,
      nowMs,
    });
  const getCredential = () => {
    const { instanceId, clientId } = emulator.fleet.aliyunMqtt.at(0);
    return callAliyun(emulator, {
      api: "mqtt",
      action: "GetDeviceCredential",
      parameters: { InstanceId: instanceId, ClientId: clientId },
      nowMs,
    });
  };
  const queryCert = () => {
    const { productKey, deviceName } = emulator.fleet.aliyunIot.at(0);
    return callAliyun(emulator, {
      api: "iot",
      action: "QueryDeviceCert",
      parameters: { ProductKey: productKey, DeviceName: deviceName },
      nowMs,
    });
  };

  it("refuse the 21st call of Tencent MQTT in a second and take it when the second is over", async () => {
    const codes = await Promise.all(Array.from({ length: 21 }, () => describeCertificate()));
    expect(codes.map(toErrorCode).filter((code) => code === "RequestLimitExceeded")).toHaveLength(
      1,
    );
    nowMs += 999;
    expect(toErrorCode(await describeCertificate())).toBe("RequestLimitExceeded");
    nowMs += 1;
    expect(toErrorCode(await describeCertificate())).toBe("ResourceNotFound.Certificate");
  });

  it("count temporary credentials with their account, and another account alone", async () => {
    const { static: fixed, sts, otherAccount } = emulator.credentials.tencent;
    for (let call = 0; call < 10; call++) {
      await describeCertificate(fixed);
      await describeCertificate(sts);
    }
    expect(toErrorCode(await describeCertificate(sts))).toBe("RequestLimitExceeded");
    expect(toErrorCode(await describeCertificate(otherAccount))).toBe(
      "ResourceNotFound.Certificate",
    );
  });

  it("refuse the 11th call of Alibaba IoT with HTTP 400 and a hint when to come back", async () => {
    const answers = await Promise.all(Array.from({ length: 11 }, queryCert));
    const [refused, ...others] = answers.filter(({ status }) => status !== 200);
    expect(others).toEqual([]);
    expect(refused?.status).toBe(400);
    expect(refused?.body["Code"]).toBe("Throttling.User");
    expect(Number(refused?.headers.get("x-acs-retry-after"))).toBeGreaterThan(0);
  });

  it("block the source address after 300 calls of ApsaraMQ in a second", async () => {
    const answers = await Promise.all(Array.from({ length: 301 }, getCredential));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(300);
    nowMs += 5000;
    expect((await getCredential()).body["Code"]).toBe("Throttling");
    nowMs += 5000;
    expect((await getCredential()).status).toBe(200);
  });

  it("keep a log of what arrived and what became of it", async () => {
    await Promise.all(Array.from({ length: 12 }, queryCert));
    nowMs += 2000;
    await queryCert();
    expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert")).toEqual({
      arrived: 13,
      granted: 11,
      refused: 2,
      throttled: 2,
      faulted: 0,
      maxCallsInAnySecond: 12,
      codes: { "Throttling.User": 2 },
    });
    expect(emulator.calls.maxCallsInAnySecond("aliyun-iot", "QueryDeviceCert")).toBe(12);
    expect(emulator.calls.maxCallsInAnySecond("aliyun-mqtt", "GetDeviceCredential")).toBe(0);
    expect(emulator.calls.recent().at(-1)).toMatchObject({
      api: "aliyun-iot",
      action: "QueryDeviceCert",
      arrivedAtMs: nowMs,
      query: expect.stringContaining("DeviceName="),
    });
    emulator.calls.reset();
    expect(emulator.calls.toJson()).toEqual({});
  });

  it("can be told other quotas, or none", async () => {
    const tight = await startEmulator({
      fleetSize: 1,
      quotas: { callsPerSecond: { DescribeDeviceCertificate: 1 } },
      clock: () => nowMs,
    });
    const free = await startEmulator({ fleetSize: 1, quotas: "off", clock: () => nowMs });
    const throttled = async (target: Emulator) => {
      const answers = await Promise.all(
        Array.from({ length: 30 }, () =>
          callTencent(target, {
            api: "mqtt",
            action: "DescribeDeviceCertificate",
            parameters: { InstanceId: "mqtt-emul0001", DeviceCertificateSn: "0eef" },
            nowMs,
          }),
        ),
      );
      return answers.map(toErrorCode).filter((code) => code === "RequestLimitExceeded").length;
    };
    expect(await throttled(tight)).toBe(29);
    expect(await throttled(free)).toBe(0);
    await Promise.all([tight.close(), free.close()]);
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type ApiName,
  type Emulator,
  type Fault,
  startEmulator,
} from "../../src/emulator/index.ts";
import { callAliyun, callTencent, sendTencent, toErrorCode } from "./signed-calls.ts";

const APIS: readonly ApiName[] = ["tencent-mqtt", "tencent-ssl", "aliyun-iot", "aliyun-mqtt"];

let emulator: Emulator;
beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 40, quotas: "off" });
});
afterEach(() => {
  for (const api of APIS) emulator.setFault(api, null);
  emulator.calls.reset();
});
afterAll(() => emulator.close());

function describeCertificate(signal?: AbortSignal) {
  const { instanceId, serialNumber } = emulator.fleet.tencentMqtt.at(0);
  return sendTencent(emulator, {
    api: "mqtt",
    action: "DescribeDeviceCertificate",
    parameters: { InstanceId: instanceId, DeviceCertificateSn: serialNumber },
    ...(signal !== undefined && { signal }),
  });
}

function queryCert() {
  const { productKey, deviceName } = emulator.fleet.aliyunIot.at(0);
  return callAliyun(emulator, {
    api: "iot",
    action: "QueryDeviceCert",
    parameters: { ProductKey: productKey, DeviceName: deviceName },
  });
}

async function causeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "none";
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    const cause: unknown = error.cause;
    return cause instanceof Error && "code" in cause ? String(cause.code) : error.name;
  }
}

describe("a fault that is an error of the cloud", () => {
  it.each([
    ["throttle", "RequestLimitExceeded", "400 Throttling.User"],
    ["denied", "UnauthorizedOperation", "403 Forbidden.RAM"],
    ["expiredToken", "AuthFailure.TokenFailure", "400 InvalidSecurityToken.Expired"],
    ["unknownKey", "AuthFailure.SecretIdNotFound", "404 InvalidAccessKeyId.NotFound"],
    ["serverError", "InternalError", "500 InternalError"],
  ] as const)("%s has the vendor's code and envelope", async (kind, tencentCode, aliyunCode) => {
    emulator.setFault("tencent-mqtt", { kind });
    emulator.setFault("aliyun-iot", { kind });
    const tencent = await describeCertificate();
    expect(tencent.status).toBe(200);
    expect(tencent.body).toMatchObject({ Response: { Error: { Code: tencentCode } } });
    const aliyun = await queryCert();
    expect(`${aliyun.status} ${aliyun.body["Code"]}`).toBe(aliyunCode);
  });

  it("throttles with the hint that it is given", async () => {
    emulator.setFault("aliyun-iot", { kind: "throttle", retryAfterMs: 2500 });
    expect((await queryCert()).headers.get("x-acs-retry-after")).toBe("2500");
  });

  it("hits the given part of the calls", async () => {
    emulator.setFault("tencent-mqtt", { kind: "throttle", fraction: 0.3 });
    await Promise.all(Array.from({ length: 200 }, () => describeCertificate()));
    const { throttled, granted } = emulator.calls.of("tencent-mqtt", "DescribeDeviceCertificate");
    expect(throttled + granted).toBe(200);
    expect(throttled).toBeGreaterThan(35);
    expect(throttled).toBeLessThan(85);
  });

  it("hits the given action alone, and its own API alone", async () => {
    emulator.setFault("tencent-mqtt", { kind: "denied", action: "DescribeDeviceCertificates" });
    expect((await describeCertificate()).body).not.toHaveProperty("Response.Error");
    const list = await callTencent(emulator, {
      api: "mqtt",
      action: "DescribeDeviceCertificates",
      parameters: { InstanceId: "mqtt-emul0001" },
    });
    expect(toErrorCode(list)).toBe("UnauthorizedOperation");
    expect((await queryCert()).status).toBe(200);
  });
});

describe("a fault of the transport", () => {
  it("hang: never answers, and the call is logged as arrived", async () => {
    emulator.setFault("tencent-mqtt", { kind: "hang" });
    const giveUp = new AbortController();
    const cause = causeOf(describeCertificate(giveUp.signal));
    await expect
      .poll(() => emulator.calls.of("tencent-mqtt", "DescribeDeviceCertificate").faulted)
      .toBe(1);
    giveUp.abort();
    expect(await cause).toBe("AbortError");
  });

  it("reset: breaks the connection", async () => {
    emulator.setFault("tencent-mqtt", { kind: "reset" });
    expect(await causeOf(describeCertificate())).toBe("ECONNRESET");
  });

  it("html502: is a page with status 502", async () => {
    emulator.setFault("tencent-mqtt", { kind: "html502" });
    const response = await fetch(emulator.origins.tencent.mqtt, { method: "POST" });
    expect(response.status).toBe(502);
    expect(await response.text()).toContain("<h1>502 Bad Gateway</h1>");
  });

  it("truncated: ends within the body, or claims that half is all", async () => {
    emulator.setFault("tencent-mqtt", { kind: "truncated" });
    expect(await causeOf(describeCertificate())).toBe("UND_ERR_SOCKET");
    emulator.setFault("tencent-mqtt", { kind: "truncated", cut: "text" });
    expect(await causeOf(describeCertificate())).toBe("SyntaxError");
  });

  it("slow: takes its time both ways", async () => {
    emulator.setFault("tencent-mqtt", { kind: "slow", latencyMs: 40 });
    const start = performance.now();
    const answer = describeCertificate();
    await expect
      .poll(() => emulator.calls.of("tencent-mqtt", "DescribeDeviceCertificate").arrived, {
        interval: 1,
      })
      .toBe(1);
    expect(performance.now() - start).toBeGreaterThanOrEqual(39);
    await answer;
    expect(performance.now() - start).toBeGreaterThanOrEqual(78);
  });

  it("slowBody: sends everything, in drops", async () => {
    emulator.setFault("tencent-mqtt", { kind: "slowBody", bytes: 200, everyMs: 1 });
    const { body } = await describeCertificate();
    expect(body).toMatchObject({ Response: emulator.fleet.tencentMqtt.at(0).toItem() });
  });

  it("hugeBody: is as long as asked for", async () => {
    emulator.setFault("tencent-mqtt", { kind: "hugeBody", bytes: 3_000_000 });
    const { body } = await describeCertificate();
    expect(String(body["RequestId"]).length).toBeGreaterThanOrEqual(3_000_000);
  });

  it("hugeBody: may be compressed, so that little is sent", async () => {
    const bytes = 3_000_000;
    emulator.setFault("tencent-mqtt", { kind: "hugeBody", bytes, encoding: "gzip" });
    const response = await fetch(emulator.origins.tencent.mqtt, { method: "POST", body: "{}" });
    expect(response.headers.get("content-encoding")).toBe("gzip");
    expect((await response.text()).length).toBeGreaterThanOrEqual(bytes);
  });

  it.each([20, -20])("clock: is %i minutes off, and the Date header with it", async (minutes) => {
    const aheadMs = minutes * 60_000;
    emulator.setFault("tencent-mqtt", { kind: "clock", aheadMs });
    emulator.setFault("aliyun-iot", { kind: "clock", aheadMs });
    expect((await describeCertificate()).body).toMatchObject({
      Response: { Error: { Code: "AuthFailure.SignatureExpire" } },
    });
    expect((await queryCert()).body).toMatchObject({ Code: "InvalidTimeStamp.Expired" });
    const { headers } = await fetch(emulator.origins.aliyun.iot, { method: "POST" });
    const aheadOfUsMs = Date.parse(headers.get("date") ?? "") - Date.now();
    expect(Math.abs(aheadOfUsMs - aheadMs)).toBeLessThan(60_000);
  });

  it("leaves nothing running: close ends calls that hang, are slow or drip", async () => {
    const doomed = await startEmulator({ fleetSize: 1, quotas: "off" });
    const faults: readonly Fault[] = [
      { kind: "hang" },
      { kind: "slow", latencyMs: 60_000 },
      { kind: "slowBody", bytes: 1, everyMs: 60_000 },
      { kind: "hugeBody", bytes: 1e12 },
    ];
    const calls: Promise<string>[] = [];
    for (const [index, api] of APIS.entries()) doomed.setFault(api, faults[index] ?? null);
    const { tencent, aliyun } = doomed.origins;
    for (const origin of [tencent.mqtt, tencent.ssl, aliyun.iot, aliyun.mqtt]) {
      const call = fetch(origin, { method: "POST", body: "{}" }).then((response) =>
        response.body?.pipeTo(new WritableStream()),
      );
      calls.push(causeOf(call));
    }
    await expect.poll(() => Object.keys(doomed.calls.toJson()).length).toBe(3);
    await doomed.close();
    expect(await Promise.all(calls)).not.toContain("none");
  });
});

describe("a fault of the answer", () => {
  it("wrongTypes: changes every value and keeps the names", async () => {
    const right = emulator.fleet.tencentMqtt.at(0).toItem();
    emulator.setFault("tencent-mqtt", { kind: "wrongTypes" });
    const { body } = await describeCertificate();
    const wrong = Object.entries(Object.entries(body)[0]?.[1] ?? {});
    expect(wrong.map(([name]) => name)).toEqual([...Object.keys(right), "RequestId"]);
    for (const [name, value] of wrong.slice(0, -1)) {
      expect(typeof value).not.toBe(
        typeof Object.entries(right).find(([key]) => key === name)?.[1],
      );
    }
    emulator.setFault("aliyun-iot", { kind: "wrongTypes" });
    expect((await queryCert()).body).toMatchObject({ Success: "perhaps" });
  });

  it.each([
    ["missing", (numbers: string[]) => numbers.slice(1)],
    ["extra", (numbers: string[]) => ["7f".repeat(20), ...numbers]],
    ["doubled", (numbers: string[]) => numbers.flatMap((number) => [number, number])],
    ["contradictory", (numbers: string[]) => numbers.flatMap((number) => [number, number])],
    ["reordered", (numbers: string[]) => numbers.toReversed()],
  ] as const)("listAnomaly: items are %s", async (anomaly, change) => {
    const list = async () => {
      const { Data } = await callTencent(emulator, {
        api: "mqtt",
        action: "DescribeDeviceCertificates",
        parameters: { InstanceId: "mqtt-emul0001" },
      });
      if (!Array.isArray(Data)) throw new Error("Data is not a list.");
      return Data.map((item) => String(item.DeviceCertificateSn));
    };
    const right = await list();
    emulator.setFault("tencent-mqtt", { kind: "listAnomaly", anomaly });
    expect(await list()).toEqual(change(right));
  });
});

describe("the control port", () => {
  const post = (path: string, body: object) =>
    fetch(`${emulator.controlOrigin}${path}`, { method: "POST", body: JSON.stringify(body) });

  it("switches faults on and off", async () => {
    const on = await post("/faults", { api: "aliyun-iot", kind: "throttle", fraction: 1 });
    expect(await on.json()).toMatchObject({ "aliyun-iot": { kind: "throttle", fraction: 1 } });
    expect((await queryCert()).status).toBe(400);
    await post("/faults", { api: "aliyun-iot", kind: null });
    expect((await queryCert()).status).toBe(200);
    await post("/faults", { api: "aliyun-iot", kind: "denied" });
    const off = await fetch(`${emulator.controlOrigin}/faults`, { method: "DELETE" });
    expect(await off.json()).toMatchObject({ "aliyun-iot": null });
    expect((await queryCert()).status).toBe(200);
  });

  it("refuses what it does not know with a message that says so", async () => {
    const unknownKind = await post("/faults", { api: "aliyun-iot", kind: "explode" });
    expect(unknownKind.status).toBe(400);
    expect(await unknownKind.text()).toContain("'hang'");
    expect((await post("/faults", { api: "moon", kind: "hang" })).status).toBe(400);
    const notJson = await fetch(`${emulator.controlOrigin}/faults`, { method: "POST", body: "{" });
    expect(notJson.status).toBe(400);
    expect((await fetch(`${emulator.controlOrigin}/nothing`)).status).toBe(404);
  });

  it("shows and forgets what arrived", async () => {
    await queryCert();
    const calls = () =>
      fetch(`${emulator.controlOrigin}/calls`).then((response) => response.json());
    expect(await calls()).toMatchObject({ "aliyun-iot": { QueryDeviceCert: { granted: 1 } } });
    await fetch(`${emulator.controlOrigin}/calls`, { method: "DELETE" });
    expect(await calls()).toEqual({});
  });

  it("switches the meaning of filters, and lists ids", async () => {
    expect((await post("/filter-meaning", { meaning: "refuse" })).status).toBe(200);
    const Values = ["ACTIVE", "REVOKED"];
    const list = await callTencent(emulator, {
      api: "mqtt",
      action: "DescribeDeviceCertificates",
      parameters: { InstanceId: "mqtt-emul0001", Filters: [{ Name: "Status", Values }] },
    });
    expect(toErrorCode(list)).toBe("InvalidParameterValue");
    emulator.setFilterMeaning("or");
    const ids = await fetch(`${emulator.controlOrigin}/ids?api=aliyun-mqtt&from=2&to=4`);
    expect(await ids.json()).toEqual(emulator.fleet.aliyunMqtt.ids().slice(2, 4));
  });
});

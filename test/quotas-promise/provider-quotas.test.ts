// What the graph says of the quotas is what the clouds see.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { askTimed, startScene } from "./scene.ts";

const QUOTAS = `{
  providerQuotas {
    provider connection action callsPerSecond usedInLastSecond waiting estimatedWaitMs circuit
    callsToday billedCallsToday
  }
}`;

interface Quota {
  readonly provider: string;
  readonly action: string;
  readonly callsPerSecond: number;
  readonly usedInLastSecond: number;
  readonly waiting: number;
  readonly estimatedWaitMs: number;
  readonly callsToday: number;
  readonly billedCallsToday: number;
}

const DOCUMENTED = {
  DescribeDeviceCertificate: 20,
  DescribeDeviceCertificates: 20,
  DescribeCertificate: 10,
  DescribeCertificates: 10,
  QueryDeviceCert: 10,
  GetDeviceCredential: 300,
};

describe.concurrent("providerQuotas", () => {
  it("says the documented quotas, and that nothing waits, when nothing was asked", async () => {
    const { subgraph } = await startScene();
    const { data, errors } = await subgraph.ask(QUOTAS);
    expect(errors).toBeUndefined();
    const quotas: Quota[] = data.providerQuotas;
    expect(
      Object.fromEntries(quotas.map(({ action, callsPerSecond }) => [action, callsPerSecond])),
    ).toEqual(DOCUMENTED);
    for (const quota of quotas) {
      expect(quota).toMatchObject({
        connection: "default",
        usedInLastSecond: 0,
        waiting: 0,
        estimatedWaitMs: 0,
        circuit: "CLOSED",
        callsToday: 0,
        billedCallsToday: 0,
      });
    }
  });

  it("is true under load", async () => {
    const scene = await startScene({ withinMs: 4_000 });
    const read = async (): Promise<Map<string, Quota>> => {
      const { data } = await scene.subgraph.ask(QUOTAS);
      return new Map(data.providerQuotas.map((quota: Quota) => [quota.action, quota]));
    };
    const load = askTimed(scene, [
      ...scene.ids("aliyun-iot", 0, 100),
      ...scene.ids("aliyun-mqtt", 0, 30),
      ...scene.ids("tencent-ssl", 0, 10),
      ...scene.ids("tencent-mqtt", 0, 1),
    ]);
    await sleep(2_600);
    const arrived = scene.countCalls("aliyun-iot");
    const now = performance.now();
    const arrivedInLastSecond = scene.emulator.calls
      .recent()
      .filter(({ api, arrivedAtMs }) => api === "aliyun-iot" && arrivedAtMs > now - 1_000).length;
    const quotas = await read();
    const iot = quotas.get("QueryDeviceCert");
    const used = iot?.usedInLastSecond ?? Number.NaN;
    expect(used).toBeGreaterThan(0);
    expect(Math.abs(used - arrivedInLastSecond)).toBeLessThanOrEqual(4);
    expect(Math.abs((iot?.callsToday ?? 0) - arrived)).toBeLessThanOrEqual(10);
    expect(Math.abs((iot?.waiting ?? 0) - (100 - arrived))).toBeLessThanOrEqual(10);
    const expectedMs = ((iot?.waiting ?? 0) / 9.5) * 1000;
    expect(iot?.estimatedWaitMs).toBeGreaterThan(expectedMs - 1_200);
    expect(iot?.estimatedWaitMs).toBeLessThan(expectedMs + 1_500);
    expect(iot?.billedCallsToday).toBe(0);

    const mqtt = quotas.get("GetDeviceCredential");
    expect(mqtt).toMatchObject({ callsToday: 30, billedCallsToday: 30, waiting: 0 });
    expect(quotas.get("DescribeCertificates")).toMatchObject({ callsToday: 1 });
    expect(quotas.get("DescribeCertificate")).toMatchObject({ callsToday: 0 });
    for (const [action, { billedCallsToday }] of quotas) {
      if (action !== "GetDeviceCredential") expect(billedCallsToday).toBe(0);
    }
    await load;
  });

  it("bills no call that the cloud refused", async () => {
    const scene = await startScene();
    scene.emulator.setFault("aliyun-mqtt", { kind: "denied" });
    await askTimed(scene, scene.ids("aliyun-mqtt", 0, 3));
    const { data } = await scene.subgraph.ask(QUOTAS);
    const quotas: Quota[] = data.providerQuotas;
    expect(quotas.find(({ action }) => action === "GetDeviceCredential")).toMatchObject({
      callsToday: 3,
      billedCallsToday: 0,
    });
  });

  it("is for callers with the operations scope alone", async () => {
    const { subgraph } = await startScene({
      sections: {
        auth: { mode: "gateway", gateway: { token: "a-token-of-the-gateway-for-tests" } },
      },
    });
    const ask = (scopes: string) =>
      subgraph.ask(
        QUOTAS,
        {},
        {
          "x-gateway-token": "a-token-of-the-gateway-for-tests",
          "x-scopes": scopes,
        },
      );
    const refused = await ask("device-certificate:read");
    expect(refused.data).toEqual({ providerQuotas: null });
    expect(refused.errors).toMatchObject([
      { path: ["providerQuotas"], extensions: { code: "FORBIDDEN" } },
    ]);
    expect((await ask("device-certificate:operations:read")).errors).toBeUndefined();
  });
});

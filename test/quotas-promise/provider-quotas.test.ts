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

/** Calls are counted when they are sent here, and when they arrive there: a busy machine may need so long in between. */
const ON_THE_WAY_MS = 400;

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
    const read = async (): Promise<Quota[]> => {
      const { data, errors } = await subgraph.ask(QUOTAS);
      expect(errors).toBeUndefined();
      return data.providerQuotas;
    };
    let quotas = await read();
    // Whoever was here before may have called right before the start, so the first calls wait for a moment.
    while (quotas.some(({ estimatedWaitMs }) => estimatedWaitMs > 0)) {
      await sleep(100);
      quotas = await read();
    }
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
    const countArrived = (fromMs: number, toMs: number) => {
      const calls = scene.emulator.calls.recent().filter(({ api }) => api === "aliyun-iot");
      return calls.filter((call) => call.arrivedAtMs > fromMs && call.arrivedAtMs <= toMs).length;
    };
    await sleep(2_000);
    // A busy machine takes its time: until all but the devices at ten a second is answered.
    let quotas = await read();
    while (quotas.get("GetDeviceCredential")?.billedCallsToday !== 30) {
      await sleep(100);
      quotas = await read();
    }
    const fromMs = performance.now();
    const before = scene.countCalls("aliyun-iot");
    quotas = await read();
    const toMs = performance.now();
    const after = scene.countCalls("aliyun-iot");
    await sleep(ON_THE_WAY_MS);
    const iot = quotas.get("QueryDeviceCert");
    const used = iot?.usedInLastSecond ?? Number.NaN;
    expect(used).toBeGreaterThanOrEqual(countArrived(toMs - 1_000 + ON_THE_WAY_MS, fromMs));
    expect(used).toBeLessThanOrEqual(countArrived(fromMs - 1_000, toMs + ON_THE_WAY_MS));
    // Up to ten are under way.
    expect(iot?.callsToday).toBeGreaterThanOrEqual(before - 10);
    expect(iot?.callsToday).toBeLessThanOrEqual(after + 10);
    expect(iot?.waiting).toBeGreaterThanOrEqual(100 - after - 10);
    expect(iot?.waiting).toBeLessThanOrEqual(100 - before);
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

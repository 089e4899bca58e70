import { describe, expect, it } from "vitest";
import { startScene } from "./scene.ts";

const MINUTE_MS = 60_000;

describe("credentials that a cloud refuses", () => {
  it.each(["unknownKey", "expiredToken"] as const)(
    "(%s) cost one call of the connection, whichever product is asked for, and the other cloud answers",
    async (kind) => {
      const { emulator, ask, ids, otherIds } = await startScene();
      for (const api of ["aliyun-iot", "aliyun-mqtt"] as const) emulator.setFault(api, { kind });
      const mqtt = emulator.fleet.aliyunMqtt.ids();
      await ask(ids(0, 1));
      for (let n = 1; n < 10; n += 1) {
        const { errors = [] } = await ask([
          ...otherIds.slice(0, 2),
          ...ids(n, n + 1),
          mqtt[n] ?? "",
        ]);
        expect(errors.map(({ path, extensions }) => [path?.[1], extensions["code"]])).toEqual([
          [2, "PROVIDER_DENIED"],
          [3, "PROVIDER_DENIED"],
        ]);
      }
      const { arrived } = emulator.calls.of("aliyun-iot", "QueryDeviceCert");
      expect(arrived + emulator.calls.of("aliyun-mqtt", "GetDeviceCredential").arrived).toBe(1);
    },
    30_000,
  );

  it("for one action leave the others alone: what cannot be listed is read one by one", async () => {
    const { emulator, ask } = await startScene();
    emulator.setFault("tencent-mqtt", { kind: "denied", action: "DescribeDeviceCertificates" });
    const ids = emulator.fleet.tencentMqtt.ids();
    for (let n = 0; n < 3; n += 1) {
      const { data, errors } = await ask(ids.slice(n * 10, n * 10 + 10));
      expect(errors).toBeUndefined();
      expect(data.deviceCertificates).not.toContain(null);
    }
    const { arrived } = emulator.calls.of("tencent-mqtt", "DescribeDeviceCertificates");
    expect(arrived).toBeLessThan(8);
  }, 30_000);
});

describe("a clock that is wrong by twenty minutes", () => {
  it.each([20, -20])(
    "(%i) is set right by the first failed call, which is repeated at once",
    async (minutes) => {
      const { emulator, ask, ids, otherIds } = await startScene();
      const apis = ["tencent-mqtt", "tencent-ssl", "aliyun-iot", "aliyun-mqtt"] as const;
      for (const api of apis)
        emulator.setFault(api, { kind: "clock", aheadMs: minutes * MINUTE_MS });
      const answer = await ask(ids(0, 1));
      expect(answer.errors).toBeUndefined();
      expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBe(2);
      expect((await ask([...otherIds, ...ids(1, 4)])).errors).toBeUndefined();
      expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBe(5);

      // As when somebody sets the clock right.
      for (const api of apis) emulator.setFault(api, null);
      expect((await ask(ids(4, 5))).errors).toBeUndefined();
      expect((await ask(ids(5, 6))).errors).toBeUndefined();
      expect(emulator.calls.of("aliyun-iot", "QueryDeviceCert").arrived).toBe(8);
    },
    30_000,
  );
});

describe("a cloud that throttles a third of the calls", () => {
  it("answers every question all the same, within its time", async () => {
    const { emulator, ask, ids } = await startScene({ withinMs: 15_000 });
    emulator.setFault("aliyun-iot", { kind: "throttle", fraction: 0.3, retryAfterMs: 200 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(ids(n, n + 3))));
    const errors = answers.flatMap((answer) => answer.errors ?? []);
    for (const { extensions } of errors) {
      expect(extensions).toMatchObject({ code: "PROVIDER_THROTTLED" });
      expect(extensions["retryAfterMs"]).toBeGreaterThan(0);
    }
    expect(errors.length).toBeLessThan(6);
  }, 60_000);
});

describe("a list answer with items that contradict each other", () => {
  it("is not believed: those certificates are asked for one by one", async () => {
    const { emulator, ask } = await startScene();
    const ids = emulator.fleet.tencentSsl.ids().slice(0, 12);
    const right = await ask(ids);
    const other = await startScene();
    other.emulator.setFault("tencent-ssl", { kind: "listAnomaly", anomaly: "contradictory" });
    expect(await other.ask(ids)).toEqual(right);
    expect(emulator.calls.of("tencent-ssl", "DescribeCertificate").arrived).toBe(0);
    expect(other.emulator.calls.of("tencent-ssl", "DescribeCertificate").arrived).toBeGreaterThan(
      6,
    );
  }, 30_000);
});

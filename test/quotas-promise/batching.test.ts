// How many cloud calls a question costs, whatever the clouds make of several values.
import { describe, expect, it } from "vitest";
import { LIST, type Scene, startScene, toDelivered } from "./scene.ts";

async function askWhole(scene: Scene, ids: readonly string[]): Promise<void> {
  const answer = await scene.subgraph.ask(LIST, { ids });
  expect(answer.errors).toBeUndefined();
  expect(toDelivered(answer)).toEqual(ids);
}

describe.concurrent("batching", () => {
  describe("a question about a thousand certificates", () => {
    it("of TDMQ for MQTT in four instances costs twelve list calls at most", async () => {
      const scene = await startScene({ emulator: { fleetSize: 1000 } });
      await askWhole(scene, scene.ids("tencent-mqtt", 0, 1000));
      expect(scene.countCalls("tencent-mqtt")).toBeLessThanOrEqual(12);
      expect(scene.countCalls("tencent-mqtt", "DescribeDeviceCertificate")).toBe(0);
    });

    it("of SSL Certificates costs one list call, and one more for each that needs a detail", async () => {
      const scene = await startScene({ emulator: { fleetSize: 1000 } });
      await askWhole(scene, scene.ids("tencent-ssl", 0, 995));
      expect(scene.countCalls("tencent-ssl")).toBe(1);

      const { data, errors } = await scene.subgraph.ask(
        `query ($details: [ID!]!, $others: [ID!]!) {
        details: deviceCertificates(ids: $details) { ... on TencentSslCertificate { orderId } }
        others: deviceCertificates(ids: $others) { id }
      }`,
        { details: scene.ids("tencent-ssl", 995, 1000), others: scene.ids("tencent-ssl", 0, 995) },
      );
      expect(errors).toBeUndefined();
      expect(data.others).toHaveLength(995);
      expect(scene.countCalls("tencent-ssl", "DescribeCertificate")).toBe(5);
      expect(scene.countCalls("tencent-ssl", "DescribeCertificates")).toBe(1);
    });
  });

  // One after the other: clouds for forty single calls each in this process take its time from one another.
  describe("a cloud that reads several values", { concurrent: false }, () => {
    it.each(["or", "first", "refuse"] as const)(
      "as %s gives every answer, and the second question costs no more than single calls",
      async (filterMeaning) => {
        const scene = await startScene({ emulator: { filterMeaning, fleetSize: 80 } });
        await askWhole(scene, scene.ids("tencent-mqtt", 0, 40));
        const first = scene.countCalls("tencent-mqtt");
        expect(first).toBeLessThanOrEqual(filterMeaning === "or" ? 4 : 44);
        await askWhole(scene, scene.ids("tencent-mqtt", 40, 80));
        const second = scene.countCalls("tencent-mqtt") - first;
        expect(second).toBeLessThanOrEqual(filterMeaning === "or" ? 4 : 40);
        const reports = scene.subgraph.logged().match(/list calls with several values/g) ?? [];
        expect(reports).toHaveLength(filterMeaning === "or" ? 0 : 1);
      },
    );
  });

  describe("a list answer", () => {
    it.each(["missing", "extra", "doubled", "reordered"] as const)(
      "with items %s still gives every certificate its own",
      async (anomaly) => {
        const scene = await startScene();
        for (const api of ["tencent-mqtt", "tencent-ssl"] as const) {
          scene.emulator.setFault(api, { kind: "listAnomaly", anomaly });
          await askWhole(scene, scene.ids(api, 0, 60));
          expect(scene.countCalls(api)).toBeLessThanOrEqual(anomaly === "missing" ? 8 : 4);
        }
      },
    );

    it("that says that the instance is unknown makes its certificates null without an error", async () => {
      const scene = await startScene();
      const ids = ["abc1", "abc2"].map((sn) => `tencent-mqtt:default:mqtt-nowhere:${sn}`);
      expect(await scene.subgraph.ask(LIST, { ids })).toEqual({
        data: { deviceCertificates: [null, null] },
      });
    });
  });

  describe("several questions at the same time", () => {
    it("share the list calls that wait for the quota", async () => {
      const scene = await startScene({
        perSecond: { DescribeDeviceCertificate: 1, DescribeDeviceCertificates: 1 },
      });
      const [instance] = scene.emulator.fleet.tencentMqtt.at(0).key;
      const ids = scene.ids("tencent-mqtt", 0, 360).filter((id) => id.includes(`:${instance}:`));
      const groups = Array.from({ length: 9 }, (_, n) => ids.slice(n * 10, n * 10 + 10));
      await Promise.all(groups.map((group) => askWhole(scene, group)));
      expect(scene.countCalls("tencent-mqtt")).toBeLessThanOrEqual(3);
    });
  });
});

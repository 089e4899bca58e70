import { describe, expect, it, vi } from "vitest";
import type { Fault } from "../../src/emulator/index.ts";
import type { ProxyFault } from "../support/fault-proxy.ts";
import { PATIENT, startScene } from "./scene.ts";

const MIB = 1024 * 1024;
const HUGE_BYTES = 100 * MIB;

describe("a cloud whose connections break", () => {
  it.each<[string, ProxyFault]>([
    ["are refused", { kind: "refuse" }],
    ["are reset", { kind: "reset" }],
    ["break in the headers of an answer", { kind: "cut", afterBytes: 40 }],
    ["break in the body of an answer", { kind: "cut", afterBytes: 400 }],
    ["take requests and never answer", { kind: "hang" }],
    ["bring a byte now and then", { kind: "trickle", everyMs: 150 }],
  ])(
    "because they %s costs its own certificates alone, and they are there when it is well again",
    async (_, fault) => {
      const { proxy, ask, ids, otherIds } = await startScene();
      await proxy.setFault(fault);
      const asked = [...otherIds, ...ids(0, 3)];
      const answer = await ask(asked);
      expect(answer.data.deviceCertificates.map((one: { id: string } | null) => one?.id)).toEqual([
        ...otherIds,
        ...ids(0, 3).map(() => undefined),
      ]);
      expect(answer.errors?.map(({ path }) => path?.[1])).toEqual([3, 4, 5]);
      for (const { extensions } of answer.errors ?? []) {
        expect(extensions["code"]).toMatch(/^PROVIDER_(UNAVAILABLE|TIMEOUT)$/);
        expect(extensions["retryAfterMs"]).toBeGreaterThan(0);
      }

      await proxy.setFault(null);
      await vi.waitFor(async () => expect((await ask(asked)).errors).toBeUndefined(), PATIENT);
    },
    60_000,
  );
});

describe("an answer of a hundred megabytes", () => {
  it.each<[string, Fault]>([
    ["as it is", { kind: "hugeBody", bytes: HUGE_BYTES }],
    ["compressed", { kind: "hugeBody", bytes: HUGE_BYTES, encoding: "gzip" }],
  ])(
    "(%s) is broken off, and the memory that it takes is bounded",
    async (_, fault) => {
      const { emulator, ask, ids, proxy, otherIds } = await startScene({ withinMs: 20_000 });
      await ask([...otherIds, ...ids(0, 1)]);
      emulator.setFault("aliyun-iot", fault);
      const before = process.memoryUsage().arrayBuffers;
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }, 5);
      const { errors = [] } = await ask([...otherIds, ...ids(1, 2)]);
      clearInterval(timer);
      expect(errors.map(({ path, extensions }) => [path?.[1], extensions["code"]])).toEqual([
        [3, "PROVIDER_UNAVAILABLE"],
      ]);
      // Ten megabytes are taken, and once more while they are put together; some are of the emulator in this process.
      expect(most).toBeLessThan(90 * MIB);
      await vi.waitFor(() => expect(proxy.sockets.size).toBe(0), PATIENT);
    },
    60_000,
  );
});

// What Redis makes of the slots that a replica brings along into a new epoch.
import { pino } from "pino";
import { afterEach, beforeEach, expect, it } from "vitest";
import { EXCHANGE } from "../../src/quota/exchange-script.ts";
import { JOIN } from "../../src/quota/join-scripts.ts";
import { SharedRedis } from "../../src/redis.ts";
import { Secret } from "../../src/secret.ts";
import { startRedis, type TestRedis } from "../support/redis.ts";

const KEYS = ["{quota}:epoch", "{quota}:replicas", "{quota}:slots"];
/** Longer than any machine takes for this test. */
const ALONE_MS = 600_000;

let server: TestRedis;
let redis: SharedRedis;

beforeEach(async () => {
  server = await startRedis();
  const log = pino({ level: "silent" });
  redis = new SharedRedis({ purpose: "test", url: new Secret(server.url), keyPrefix: "", log });
  await redis.untilUp(5_000);
});

afterEach(async () => {
  redis.close();
  await server.close();
});

async function join(aloneMs: number): Promise<string> {
  const joined = await redis.run(JOIN, KEYS.slice(0, 2), [
    ...["replica", "run", aloneMs, 0, 3_000, 10_000, "resting"],
  ]);
  return Array.isArray(joined) ? String(joined[0]) : "";
}

/** The rests of the slots that it is given, of ten that it wants. */
async function exchange(epoch: string, number: number, brought: readonly (string | number)[]) {
  const limits = [10, 1_000, 1_000];
  const wishes = [10, 10, 0, -1, 1_500];
  const answer = await redis.run(EXCHANGE, KEYS, [
    ...["replica", epoch, number, ...limits, ...wishes],
    ...brought,
  ]);
  const [wasLost, ...others] = String(answer).split(" ").map(Number);
  return { wasLost, given: others.slice(5) };
}

it("knows of every slot that a replica brings along, also where its call was answered before it could tell", async () => {
  const epoch = await join(ALONE_MS);
  // Two slots at rest, and one in use, which comes back with the same exchange, 300 ms after its answer.
  const { given } = await exchange(epoch, 1, [300, "", "0,0", 1]);
  expect(given.slice(0, 2)).toEqual([0, 0]);
  expect(given).toHaveLength(3);
  expect(given[2]).toBeGreaterThan(0);
  expect(given[2]).toBeLessThanOrEqual(700);
  // No further ones before the epoch opens; and what it brought counts once.
  expect(await exchange(epoch, 2, ["", "", "0,0", 1])).toEqual({ wasLost: 0, given: [] });
});

it("takes nothing from a replica that comes too late with what it has left, and tells it so", async () => {
  const epoch = await join(0);
  const { wasLost, given } = await exchange(epoch, 1, [300, "", "0,0", 1]);
  expect(wasLost).toBe(1);
  expect(given).toHaveLength(10);
  // Else the slots of the calls that it had under way would come on top of the ten.
  expect((await exchange(epoch, 2, ["", "", "", 0])).given).toEqual([]);
});

import "reflect-metadata";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import { createSetup, FRESH_SECONDS, observe, toReading, unavailable } from "./retrieval-setup.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("a certificate that is asked for", () => {
  it("is answered as soon as its own call is, whatever becomes of the others", async () => {
    const { fetched, load } = createSetup();
    const outcomes = load(["a", "b", "c", "d"]);
    fetched[1]?.answer(toReading("b"));
    fetched[2]?.answer(null);
    fetched[3]?.fail(unavailable);
    await settlePromises();
    expect(outcomes).toEqual([
      undefined,
      { name: "b", stale: false },
      { name: null, stale: false },
      { error: unavailable },
    ]);
    await passMs(1_100);
  });

  it("is read once for all who ask meanwhile, and each of them gives it a turn", async () => {
    const { fetched, load } = createSetup();
    const all = Array.from({ length: 50 }, () => load(["a", "b"]));
    expect(fetched).toHaveLength(2);
    expect(fetched.map(({ joined }) => joined.length)).toEqual([49, 49]);
    expect(fetched[0]?.request.ticket.requesters).toHaveLength(50);
    for (const [index, { answer }] of fetched.entries()) answer(toReading(`${index}`));
    await settlePromises();
    for (const outcomes of all) {
      expect(outcomes).toEqual([
        { name: "0", stale: false },
        { name: "1", stale: false },
      ]);
    }
  });

  it("is read once when one question asks for it twice", () => {
    const { fetched, retrieval, toLookup } = createSetup();
    const requester = { deadlineMs: performance.now() + 1_000 };
    observe(retrieval.load([toLookup("a"), toLookup("a", true), toLookup("a")], requester));
    expect(fetched.map(({ request }) => request.needsDetail)).toEqual([true]);
    fetched[0]?.answer(null);
  });

  it("is not asked for again while it is fresh, nor when there is none", async () => {
    const { fetched, load } = createSetup();
    load(["a", "b"]);
    fetched[0]?.answer(toReading("a"));
    fetched[1]?.answer(null);
    await passMs(FRESH_SECONDS * 1000 - 100);
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes).toEqual([
      { name: "a", stale: false },
      { name: null, stale: false },
    ]);
    expect(fetched).toHaveLength(2);
  });

  it("keeps the details that one call brought when another one without them comes later", async () => {
    const { fetched, load } = createSetup();
    load(["a"]);
    load(["a"], 1_000, true);
    expect(fetched).toHaveLength(2);
    fetched[1]?.answer(toReading("with details", true));
    await settlePromises();
    fetched[0]?.answer(toReading("without", false));
    await settlePromises();
    const outcomes = load(["a"], 1_000, true);
    await settlePromises();
    expect(fetched).toHaveLength(2);
    expect(outcomes).toEqual([{ name: "with details", stale: false }]);
  });
});

describe("a defect of ours", () => {
  it("is logged once, and passed on as it is", async () => {
    const { fetched, load, log } = createSetup();
    const all = [load(["a"]), load(["a"])];
    const error = new TypeError("a defect");
    fetched[0]?.fail(error);
    await settlePromises();
    expect(all).toEqual([[{ error }], [{ error }]]);
    expect(log.entries).toHaveLength(1);
  });
});

describe("the cost", () => {
  it("of 1,000 certificates for 20 who ask at once stays below a second and a half of work", async () => {
    const { fetched, load } = createSetup({ estimateMs: 900 });
    const keys = Array.from({ length: 1_000 }, (_, n) => `k${n}`);
    const before = process.cpuUsage();
    const all = Array.from({ length: 20 }, () => load(keys));
    for (const { answer } of fetched.slice(0, 500)) answer(toReading("x"));
    await passMs(1_100);
    // Each of them is told in a turn of its own.
    for (let turns = 0; turns < all.length; turns += 1) await nextTurn();
    const { user, system } = process.cpuUsage(before);
    expect(all.every((outcomes) => outcomes.every((outcome) => outcome !== undefined))).toBe(true);
    expect((user + system) / 1000).toBeLessThan(1_500);
  });
});

import "reflect-metadata";
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { NotNeededError } from "../../src/quota/quota.ts";
import { passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import {
  createSetup,
  FRESH_SECONDS,
  origin,
  toExtensions,
  toReading,
  unavailable,
} from "./retrieval-setup.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("at the deadline", () => {
  it("what is missing has an error that says when to ask again", async () => {
    const { fetched, load } = createSetup({ estimateMs: 1_300 });
    const outcomes = load(["waiting", "sent", "there"]);
    fetched[1]?.request.ticket.moveTo(undefined);
    fetched[2]?.answer(toReading("there"));
    await passMs(999);
    expect(outcomes).toEqual([undefined, undefined, { name: "there", stale: false }]);
    await passMs(2);
    expect(toExtensions(outcomes[0])).toEqual({
      ...origin,
      code: "PROVIDER_THROTTLED",
      retryAfterMs: 1_300,
    });
    expect(toExtensions(outcomes[1])).toEqual({
      ...origin,
      code: "PROVIDER_TIMEOUT",
      retryAfterMs: 1_000,
    });
  });

  it("what failed before and is made again has the error that it had, with the time that is true by then", async () => {
    const { fetched, load } = createSetup({ estimateMs: 4_300 });
    const outcomes = load(["sent", "waiting"]);
    const refused = new ProviderError("PROVIDER_UNAVAILABLE", {
      origin,
      message: "down",
      providerCode: "InternalError",
      isRetryable: true,
      retryAfterMs: 100,
    });
    for (const { request } of fetched) request.ticket.failed(refused);
    fetched[0]?.request.ticket.moveTo(undefined);
    await passMs(1_001);
    const { code, providerCode } = { code: "PROVIDER_UNAVAILABLE", providerCode: "InternalError" };
    expect(outcomes.map(toExtensions)).toEqual([
      { ...origin, code, providerCode, retryAfterMs: 1_000 },
      { ...origin, code, providerCode, retryAfterMs: 4_300 },
    ]);
  });

  it("of many questions that end at one moment one is finished after the other, with turns for others in between", async () => {
    const { load } = createSetup({ estimateMs: 900 });
    const all = [load(["a", "b", "c"]), load(["a", "d"]), load(["e"])];
    const countFinished = async () => {
      // All that follows without waiting for a turn.
      await new Promise<void>((resolve) => process.nextTick(resolve));
      return all.map((outcomes) => outcomes.filter((outcome) => outcome !== undefined).length);
    };
    vi.advanceTimersByTime(1_000);
    expect(await countFinished()).toEqual([3, 0, 0]);
    await nextTurn();
    expect(await countFinished()).toEqual([3, 2, 0]);
    await nextTurn();
    expect(await countFinished()).toEqual([3, 2, 1]);
  });

  it("the work goes on into the cache, and the next one who asks joins it", async () => {
    const { fetched, load } = createSetup();
    load(["a", "b"]);
    await passMs(1_100);
    fetched[0]?.answer(toReading("a"));
    await settlePromises();
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes).toEqual([{ name: "a", stale: false }, undefined]);
    expect(fetched).toHaveLength(2);
    expect(fetched[1]?.joined).toHaveLength(1);
    fetched[1]?.answer(toReading("b"));
    await settlePromises();
    expect(outcomes[1]).toEqual({ name: "b", stale: false });
  });

  it("a failure that comes after it disturbs nobody, and is not remembered", async () => {
    const { fetched, load, log } = createSetup();
    load(["a"]);
    await passMs(1_100);
    fetched[0]?.fail(unavailable);
    await settlePromises();
    expect(log.entries).toEqual([]);
    load(["a"]);
    expect(fetched).toHaveLength(2);
    await passMs(1_100);
  });

  it("no timer is left when everything was answered before", async () => {
    const { fetched, load } = createSetup();
    load(["a"]);
    fetched[0]?.answer(null);
    await settlePromises();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a question that has no hope", () => {
  it("is answered at once, and its calls are made all the same", async () => {
    const { fetched, load } = createSetup({ estimateMs: 5_000 });
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes.map(toExtensions)).toMatchObject([
      { code: "PROVIDER_THROTTLED", retryAfterMs: 5_000 },
      { code: "PROVIDER_THROTTLED", retryAfterMs: 5_000 },
    ]);
    expect(fetched).toHaveLength(2);
  });

  it("is not one whose answer may just be there in time", async () => {
    const { load } = createSetup({ estimateMs: 1_200 });
    const outcomes = load(["a"]);
    await passMs(900);
    expect(outcomes).toEqual([undefined]);
    await passMs(200);
  });

  it("has at once what is there, and what is stale", async () => {
    const { fetched, load } = createSetup({ estimateMs: 5_000 });
    load(["a", "b"], 10_000);
    fetched[0]?.answer(toReading("a"));
    await passMs((FRESH_SECONDS + 1) * 1000);
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes[0]).toEqual({ name: "a", stale: true });
    expect(toExtensions(outcomes[1])).toMatchObject({ code: "PROVIDER_THROTTLED" });
  });
});

describe("when the client goes away", () => {
  it("what was not sent is not sent, what was sent goes on into the cache", async () => {
    const { fetched, load, log } = createSetup();
    const client = new AbortController();
    const outcomes = load(["waiting", "sent"], 1_000, false, client.signal);
    fetched[1]?.request.ticket.moveTo(undefined);
    client.abort();
    await settlePromises();
    expect(outcomes.map(toExtensions)).toMatchObject([
      { code: "PROVIDER_TIMEOUT" },
      { code: "PROVIDER_TIMEOUT" },
    ]);
    expect(vi.getTimerCount()).toBe(0);
    fetched[1]?.answer(toReading("sent"));
    await settlePromises();
    const next = load(["waiting", "sent"]);
    await settlePromises();
    expect(next).toEqual([undefined, { name: "sent", stale: false }]);
    expect(fetched).toHaveLength(3);
    fetched[2]?.answer(null);
    expect(log.entries).toEqual([]);
  });

  it("what somebody else waits for as well stays where it is", async () => {
    const { fetched, load } = createSetup();
    const client = new AbortController();
    load(["a", "b"], 1_000, false, client.signal);
    const other = load(["b"]);
    client.abort();
    await settlePromises();
    expect(fetched.map(({ request }) => request.ticket.isSent)).toEqual([true, false]);
    fetched[1]?.answer(toReading("b"));
    await settlePromises();
    expect(other).toEqual([{ name: "b", stale: false }]);
    expect(fetched).toHaveLength(2);
  });

  it("before its question is even looked at, nothing is asked for", async () => {
    const { fetched, load } = createSetup();
    load(["a"], 1_000, false, AbortSignal.abort());
    await settlePromises();
    expect(fetched[0]?.request.ticket.isWanted).toBe(false);
    expect(fetched[0]?.request.ticket.isSent).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("somebody who asks in the very moment in which a call leaves the queue gets an answer all the same", async () => {
    const { fetched, load } = createSetup();
    const client = new AbortController();
    load(["a"], 1_000, false, client.signal);
    // As a list call does that drops at its turn what is wanted no more.
    const other = load(["a"]);
    fetched[0]?.fail(new NotNeededError());
    await settlePromises();
    expect(fetched).toHaveLength(2);
    fetched[1]?.answer(toReading("a"));
    await settlePromises();
    expect(other).toEqual([{ name: "a", stale: false }]);
  });
});

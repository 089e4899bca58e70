import "reflect-metadata";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import { createSetup, FRESH_SECONDS, toReading, unavailable } from "./retrieval-setup.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("a stale value", () => {
  async function createStale() {
    const setup = createSetup();
    setup.load(["a"]);
    setup.fetched[0]?.answer(toReading("old"));
    await passMs((FRESH_SECONDS + 1) * 1000);
    return setup;
  }

  it("waits for a fresh one until the deadline, then beats the error", async () => {
    const { fetched, load } = await createStale();
    const outcomes = load(["a"]);
    await passMs(900);
    expect(outcomes).toEqual([undefined]);
    await passMs(200);
    expect(outcomes).toEqual([{ name: "old", stale: true }]);
    fetched[1]?.answer(toReading("new"));
    await settlePromises();
    const next = load(["a"]);
    await settlePromises();
    expect(next).toEqual([{ name: "new", stale: false }]);
  });

  it("beats a failure of the cloud, at once", async () => {
    const { fetched, load } = await createStale();
    const outcomes = load(["a"]);
    fetched[1]?.fail(unavailable);
    await settlePromises();
    expect(outcomes).toEqual([{ name: "old", stale: true }]);
  });

  it("is served at once while the cloud fails, and what finds out whether it is back goes on", async () => {
    const { fetched, load, source } = await createStale();
    source.isFailing = true;
    const outcomes = load(["a", "b"]);
    await settlePromises();
    expect(outcomes).toEqual([{ name: "old", stale: true }, undefined]);
    fetched[1]?.answer(toReading("new"));
    fetched[2]?.answer(null);
    await settlePromises();
    const next = load(["a"]);
    await settlePromises();
    expect(next).toEqual([{ name: "new", stale: false }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is served when the cloud begins to fail while it is waited for", async () => {
    const { load, source } = await createStale();
    const outcomes = load(["a"]);
    await passMs(300);
    source.isFailing = true;
    await passMs(300);
    expect(outcomes).toEqual([{ name: "old", stale: true }]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not hide what the caller did wrong", async () => {
    const { fetched, load } = await createStale();
    const outcomes = load(["a"]);
    const error = new RequestError("BAD_USER_INPUT", "no");
    fetched[1]?.fail(error);
    await settlePromises();
    expect(outcomes).toEqual([{ error }]);
  });
});

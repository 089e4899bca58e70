import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createCloudClock } from "../../src/providers/cloud-clock.ts";
import { useFakeClock } from "../quota/simulated-cloud.ts";

const MINUTE_MS = 60_000;
const TRUE_MS = Date.parse("2026-11-22T08:00:00Z");

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const toHeader = (ms: number) => new Date(ms).toUTCString();

/** The machine's clock is so far from the cloud's, which goes right. */
function createScene(offByMs: number) {
  const start = performance.now();
  const state = { offByMs };
  const trueNow = () => TRUE_MS + performance.now() - start;
  const clock = createCloudClock(() => trueNow() + state.offByMs);
  return { clock, state, trueNow };
}

describe("the clock of a connection", () => {
  it("is the machine's as long as no cloud says that it is wrong", () => {
    const { clock, trueNow } = createScene(20 * MINUTE_MS);
    clock.observe(toHeader(trueNow()));
    expect(clock.now() - trueNow()).toBe(20 * MINUTE_MS);
  });

  it.each([20, -20])("is right after one refusal when it was %i minutes off", (minutes) => {
    const { clock, trueNow } = createScene(minutes * MINUTE_MS);
    expect(clock.correct(toHeader(trueNow()), clock.now())).toBe(true);
    expect(clock.now() - trueNow()).toBe(0);
    vi.advanceTimersByTime(5 * MINUTE_MS);
    expect(clock.now() - trueNow()).toBe(0);
  });

  it("goes on undisturbed when the machine's clock jumps meanwhile", () => {
    const { clock, trueNow, state } = createScene(20 * MINUTE_MS);
    clock.correct(toHeader(trueNow()), clock.now());
    state.offByMs = -3 * 60 * MINUTE_MS;
    expect(clock.now() - trueNow()).toBe(0);
    clock.observe(toHeader(trueNow()));
    expect(clock.now() - trueNow()).toBe(0);
  });

  it("is the machine's again once that is right", () => {
    const { clock, trueNow, state } = createScene(20 * MINUTE_MS);
    clock.correct(toHeader(trueNow()), clock.now());
    state.offByMs = 1;
    clock.observe(toHeader(trueNow()));
    expect(clock.now() - trueNow()).toBe(1);
    state.offByMs = 7 * MINUTE_MS;
    expect(clock.now() - trueNow()).toBe(7 * MINUTE_MS);
    expect(clock.correct(toHeader(trueNow()), clock.now())).toBe(true);
    expect(clock.now() - trueNow()).toBe(0);
  });

  it("helps each call that was signed before it was set right", () => {
    const { clock, trueNow } = createScene(20 * MINUTE_MS);
    const signedAtMs = clock.now();
    expect(clock.correct(toHeader(trueNow()), signedAtMs)).toBe(true);
    expect(clock.correct(toHeader(trueNow()), signedAtMs)).toBe(true);
  });

  it("does not help when the time was right, or the answer tells none", () => {
    const { clock, trueNow } = createScene(4_000);
    for (const date of [toHeader(trueNow()), undefined, "", "yesterday"])
      expect(clock.correct(date, clock.now())).toBe(false);
    expect(clock.now() - trueNow()).toBe(4_000);
  });
});

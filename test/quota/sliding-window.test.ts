import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { useFakeClock } from "./simulated-cloud.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const pass = (ms: number) => vi.advanceTimersByTime(ms);

function createWindow(callsPerSecond: number): SlidingWindow {
  return new SlidingWindow({ callsPerSecond });
}

function takeAll(window: SlidingWindow) {
  return Array.from({ length: window.free }, () => window.take());
}

/** Calls one after the other with this round trip, as many as make the window sure of it. */
function teachRoundTrip(window: SlidingWindow, roundTripMs: number, calls = 150): void {
  for (let n = 0; n < calls; n += 1) {
    const slot = window.take();
    pass(roundTripMs);
    slot.answered(true);
    pass(1000 - roundTripMs);
  }
  pass(2000);
}

/** How long a slot rests after the answer to its call. */
function measureRest(window: SlidingWindow, roundTripMs: number): number {
  const { free } = window;
  const slot = window.take();
  pass(roundTripMs);
  slot.answered(true);
  const answeredAtMs = performance.now();
  while (window.free < free) pass(1);
  return performance.now() - answeredAtMs;
}

describe("a slot", () => {
  it("is in use from the sending until one second after the answer", () => {
    const window = createWindow(2);
    const [first, second] = takeAll(window);
    expect(window.free).toBe(0);
    expect(window.msUntilNext).toBeUndefined();
    pass(60);
    first?.answered(true);
    pass(40);
    second?.answered(true);
    expect(window.msUntilNext).toBe(960);
    pass(959);
    expect(window.free).toBe(0);
    pass(1);
    expect(window.free).toBe(1);
    expect(window.msUntilNext).toBe(40);
  });

  it("of a limit below one a second is in use for as long as that takes", () => {
    const window = createWindow(0.25);
    window.take().answered(true);
    expect(window.msUntilNext).toBe(4000);
  });

  it("of a fraction above one is not there: 2.5 allows two in any one second", () => {
    expect(createWindow(2.5).free).toBe(2);
    expect(createWindow(1.9).free).toBe(1);
  });

  it("comes back earlier by three quarters of the shortest round trip, once many were seen", () => {
    const window = createWindow(10);
    teachRoundTrip(window, 80);
    expect(measureRest(window, 80)).toBe(940);
  });

  it("comes back earlier by less while few round trips were seen, and at first not at all", () => {
    const rests = [0, 9, 26, 101].map((calls) => {
      const window = createWindow(10);
      teachRoundTrip(window, 80, calls);
      return measureRest(window, 80);
    });
    expect(rests).toEqual([1000, 1000, 968, 944]);
  });

  it("comes back no earlier for round trips of the first second, which made connections", () => {
    const window = createWindow(300);
    const slots = takeAll(window);
    pass(180);
    for (const slot of slots) slot.answered(true);
    pass(2_000);
    expect(measureRest(window, 60)).toBe(1000);
  });

  it("comes back no earlier when its call got no answer", () => {
    const window = createWindow(10);
    teachRoundTrip(window, 80);
    window.take().answered(false);
    pass(999);
    expect(window.free).toBe(9);
    pass(1);
    expect(window.free).toBe(10);
  });

  it("comes back by the shorter round trip at once when the way became shorter, also in a burst", () => {
    const window = createWindow(10);
    teachRoundTrip(window, 80);
    const slots = takeAll(window);
    pass(20);
    for (const slot of slots.reverse()) slot.answered(true);
    pass(984);
    expect(window.free).toBe(0);
    pass(1);
    expect(window.free).toBe(10);
  });
});

describe("a refusal", () => {
  it("takes a quarter of the limit, whole calls, and at most once for all that were under way", () => {
    const window = createWindow(20);
    const sentAtMs = performance.now();
    pass(50);
    window.slowDown(sentAtMs);
    pass(10);
    window.slowDown(sentAtMs);
    expect(window.limit).toBe(15);
    window.slowDown(performance.now());
    expect(window.limit).toBe(11);
  });

  it("never leaves less than half, however many there are", () => {
    for (const [callsPerSecond, left] of [
      [300, 150],
      [10, 5],
      [3, 2],
    ] as const) {
      const window = createWindow(callsPerSecond);
      for (let n = 0; n < 10; n += 1) {
        pass(10);
        window.slowDown(performance.now());
      }
      expect(window.limit).toBe(left);
    }
  });

  it("never leaves less than one call", () => {
    const window = createWindow(1);
    for (let n = 0; n < 5; n += 1) {
      pass(10);
      window.slowDown(performance.now());
    }
    expect(window.limit).toBe(1);
    expect(window.free).toBe(1);
  });

  it("is forgotten step by step", () => {
    const window = createWindow(20);
    window.slowDown(performance.now());
    pass(5_999);
    expect(window.limit).toBe(15);
    pass(1);
    expect(window.limit).toBe(16);
    pass(60_000);
    expect(window.limit).toBe(20);
  });

  it("while more slots are in use than are left: so many must come back first", () => {
    const window = createWindow(4);
    const slots = takeAll(window);
    window.slowDown(performance.now());
    for (const slot of slots) {
      pass(10);
      slot.answered(true);
    }
    // Three are left: of those that come back after 970, 980, 990 and 1000 ms the second makes room.
    expect(window.msUntilNext).toBe(980);
    pass(979);
    expect(window.free).toBe(0);
    pass(1);
    expect(window.free).toBe(1);
  });

  it("with a pause lets nothing pass until it ends, and says when that is", () => {
    const window = createWindow(10);
    window.slowDown(performance.now(), 1_234);
    expect(window.free).toBe(0);
    expect(window.msUntilNext).toBe(1_234);
    pass(1_234);
    expect(window.free).toBe(7);
  });

  it("with a shorter pause does not end a longer one", () => {
    const window = createWindow(10);
    window.slowDown(performance.now(), 2_000);
    window.slowDown(performance.now(), 500);
    expect(window.msUntilNext).toBe(2_000);
  });
});

describe("an estimate", () => {
  it("is nothing for calls that may be sent now", () => {
    expect(createWindow(10).estimateMsUntilSent(10)).toBe(0);
    expect(createWindow(0.1).estimateMsUntilSent(1)).toBe(0);
  });

  it("is the time until the slot comes back that the call will have", () => {
    const window = createWindow(3);
    for (const slot of takeAll(window)) {
      slot.answered(true);
      pass(100);
    }
    expect([1, 2, 3].map((calls) => window.estimateMsUntilSent(calls))).toEqual([700, 800, 900]);
  });

  it("counts a whole period for calls under way, and a little more for each further round", () => {
    const window = createWindow(10);
    takeAll(window);
    const first = window.estimateMsUntilSent(1);
    expect(first).toBeGreaterThanOrEqual(1000);
    expect(first).toBeLessThan(1150);
    const hundredth = window.estimateMsUntilSent(100);
    expect(hundredth).toBeGreaterThan(10_000);
    expect(hundredth).toBeLessThan(11_500);
  });

  it("knows of a pause and of what a refusal left", () => {
    const window = createWindow(10);
    window.slowDown(performance.now(), 3_000);
    expect(window.estimateMsUntilSent(1)).toBe(3_000);
    expect(window.estimateMsUntilSent(8)).toBeGreaterThan(4_000);
  });
});

describe("the calls of the last second", () => {
  it("are counted from their sending", () => {
    const window = createWindow(10);
    window.take();
    pass(400);
    window.take();
    expect(window.usedInLastSecond).toBe(2);
    pass(600);
    expect(window.usedInLastSecond).toBe(1);
    pass(400);
    expect(window.usedInLastSecond).toBe(0);
  });
});

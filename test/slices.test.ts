import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { andThen, Slices } from "../src/slices.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

const takeMs = (ms: number) => void vi.advanceTimersByTime(ms);

describe("work on many items", () => {
  it("is done a little at once, and the rest in later turns of the event loop, in order", async () => {
    const slices = new Slices();
    const done: number[] = [];
    const results = slices.map([1, 2, 3, 4, 5, 6], (n) => {
      takeMs(3);
      done.push(n);
      return n * 10;
    });
    expect(done).toEqual([1, 2]);
    await nextTurn();
    expect(done).toEqual([1, 2, 3, 4]);
    expect(results).toBeInstanceOf(Promise);
    expect(await results).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it("needs no promise where one slice is enough", () => {
    const slices = new Slices();
    expect(slices.map([1, 2, 3], (n) => n + 1)).toEqual([2, 3, 4]);
    expect(slices.map([], () => 1)).toEqual([]);
  });

  it("waits for its turn behind what waits already, and goes on in turns with it", async () => {
    const slices = new Slices();
    const order: string[] = [];
    const note = (name: string) => {
      takeMs(1);
      order.push(name);
    };
    const large = slices.map(Array.from({ length: 12 }), () => note("large"));
    expect(order).toHaveLength(4);
    const small = slices.map([1, 2], () => note("small"), 0);
    await small;
    expect(order.slice(4)).toEqual(["large", "small", "large", "small"]);
    await large;
    expect(order).toHaveLength(14);
  });

  it("is done at once again when a turn has passed", async () => {
    const slices = new Slices();
    slices.map([10], takeMs, 0);
    expect(slices.map([1], takeMs, 0)).toBeInstanceOf(Promise);
    await nextTurn();
    await nextTurn();
    expect(slices.map(["now"], (what) => what, 0)).toEqual(["now"]);
  });

  it("throws what fails at once, rejects what fails later, and leaves others alone", async () => {
    const slices = new Slices();
    const failAt = (bad: number) => (n: number) => {
      takeMs(3);
      if (n === bad) throw new Error("no");
      return n;
    };
    expect(() => slices.map([1, 2, 3], failAt(1))).toThrow("no");
    const failing = slices.map([1, 2, 3, 4], failAt(3), 0);
    const other = slices.map([1, 2], failAt(0), 0);
    await expect(failing).rejects.toThrow("no");
    expect(await other).toEqual([1, 2]);
  });
});

describe("work on a few items", () => {
  it("is done at once, whoever waits", async () => {
    const slices = new Slices();
    const large = slices.map([1, 2, 3, 4, 5], takeMs);
    expect(large).toBeInstanceOf(Promise);
    expect(slices.map([5, 5, 5, 5], (n) => n + 1)).toEqual([6, 6, 6, 6]);
    await large;
  });
});

describe("what follows work", () => {
  it("comes in a later turn, once all of the work is done, also what was begun in its course", async () => {
    const slices = new Slices();
    const order: string[] = [];
    const beginMore = (n: number) => (letter: string) => {
      takeMs(3);
      order.push(`${n}${letter}`);
    };
    const begin = (n: number) => {
      if (n === 1) slices.afterAll(() => order.push("after all"));
      takeMs(3);
      void andThen(slices.map(["a", "b", "c"], beginMore(n), 0), () => {});
    };
    const whole = slices.map([1, 2], begin, 0);
    expect(order).not.toContain("after all");
    await whole;
    while (!order.includes("after all")) await nextTurn();
    expect(order.toSorted()).toEqual(["1a", "1b", "1c", "2a", "2b", "2c", "after all"]);
    expect(order.at(-1)).toBe("after all");
  });

  it("comes in the next turn where there is no work", async () => {
    const slices = new Slices();
    const callback = vi.fn();
    slices.afterAll(callback);
    expect(callback).not.toHaveBeenCalled();
    await nextTurn();
    expect(callback).toHaveBeenCalledOnce();
  });

  it("comes also where the work fails", async () => {
    const slices = new Slices();
    const callback = vi.fn();
    const fail = () => {
      slices.afterAll(callback);
      throw new Error("no");
    };
    expect(() => slices.map([1], fail, 0)).toThrow("no");
    await nextTurn();
    expect(callback).toHaveBeenCalledOnce();
  });
});

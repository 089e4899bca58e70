import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Slices } from "../src/slices.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

it("does a little at once, and the rest in later turns of the event loop, in order", async () => {
  const slices = new Slices();
  const done: number[] = [];
  const work = (n: number) => () => {
    vi.advanceTimersByTime(3);
    done.push(n);
    return n;
  };
  const results = [1, 2, 3, 4, 5, 6].map((n) => slices.run(work(n)));
  expect(results.slice(0, 2)).toEqual([1, 2]);
  expect(done).toEqual([1, 2]);
  await nextTurn();
  expect(done).toEqual([1, 2, 3, 4]);
  expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5, 6]);
});

it("does what comes later after what waits", async () => {
  const slices = new Slices();
  const long = () => void vi.advanceTimersByTime(10);
  const order: string[] = [];
  slices.run(long);
  const waiting = slices.run(() => order.push("waited"));
  await slices.run(() => order.push("came later"));
  await waiting;
  expect(order).toEqual(["waited", "came later"]);
});

it("does it at once again when a turn has passed", async () => {
  const slices = new Slices();
  slices.run(() => void vi.advanceTimersByTime(10));
  await nextTurn();
  await nextTurn();
  expect(slices.run(() => "now")).toBe("now");
});

it("rejects what fails later, and goes on", async () => {
  const slices = new Slices();
  slices.run(() => void vi.advanceTimersByTime(10));
  const failing = slices.run(() => {
    throw new Error("no");
  });
  const next = slices.run(() => "yes");
  await expect(failing).rejects.toThrow("no");
  expect(await next).toBe("yes");
});

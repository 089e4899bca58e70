import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FairQueue } from "../../src/quota/fair-queue.ts";
import type { Requester } from "../../src/quota/quota.ts";
import { createRandom, useFakeClock } from "./simulated-cloud.ts";

interface Entry {
  readonly name: string;
}

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const live = (): Requester => ({ deadlineMs: Number.POSITIVE_INFINITY });
const until = (deadlineMs: number): Requester => ({ deadlineMs });

function toEntries(prefix: string, count: number): Entry[] {
  return Array.from({ length: count }, (_, n) => ({ name: `${prefix}${n}` }));
}

function fill(queue: FairQueue<Entry>, requester: Requester, prefix: string, count: number) {
  const entries = toEntries(prefix, count);
  for (const entry of entries) queue.add(requester, entry);
  return entries;
}

function takeNames(queue: FairQueue<Entry>, count = Number.POSITIVE_INFINITY): string[] {
  const names: string[] = [];
  while (names.length < count) {
    const entry = queue.take();
    if (entry === undefined) break;
    names.push(entry.name);
  }
  return names;
}

describe("the order of turns", () => {
  it("is the order of arrival for one requester", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "a", 4);
    expect(takeNames(queue)).toEqual(["a0", "a1", "a2", "a3"]);
    expect(queue.size).toBe(0);
  });

  it("gives equal requesters equal shares", () => {
    const queue = new FairQueue<Entry>();
    for (const prefix of ["a", "b", "c"]) fill(queue, live(), prefix, 300);
    const taken = takeNames(queue, 300);
    for (const prefix of ["a", "b", "c"]) {
      expect(taken.filter((name) => name.startsWith(prefix))).toHaveLength(100);
    }
  });

  it("counts a turn for all who wait for the same, so that nobody waits behind equal requests", () => {
    const queue = new FairQueue<Entry>();
    const entries = toEntries("a", 100);
    for (const requester of Array.from({ length: 50 }, live)) {
      for (const entry of entries) queue.add(requester, entry);
    }
    takeNames(queue, 1);
    fill(queue, live(), "b", 1);
    fill(queue, live(), "c", 2);
    expect(takeNames(queue, 5)).toEqual(["b0", "c0", "a1", "c1", "a2"]);
  });

  it("lets a newcomer go before what a large request still has", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "a", 5000);
    takeNames(queue, 1000);
    fill(queue, live(), "b", 1);
    expect(queue.peek()).toMatchObject({ entry: { name: "b0" }, isFirstTurn: true });
    expect(takeNames(queue, 2)).toEqual(["b0", "a1000"]);
  });

  it("gives a newcomer no advantage beyond its first turn", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "a", 5000);
    takeNames(queue, 1000);
    fill(queue, live(), "b", 1000);
    const taken = takeNames(queue, 100);
    expect(taken.filter((name) => name.startsWith("b")).length).toBeOneOf([50, 51]);
  });

  it("serves newcomers in the order in which they came", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "large", 100);
    takeNames(queue, 10);
    for (const prefix of ["a", "b", "c", "d"]) fill(queue, live(), prefix, 1);
    const newcomers = takeNames(queue, 6).filter((name) => !name.startsWith("large"));
    expect(newcomers).toEqual(["a0", "b0", "c0", "d0"]);
  });

  it("lets newcomers go before large requests that have waited longer, and those have every fourth turn", () => {
    const queue = new FairQueue<Entry>();
    for (let n = 0; n < 50; n += 1) fill(queue, live(), `large${n}-`, 40);
    takeNames(queue, 10);
    for (let n = 0; n < 7; n += 1) fill(queue, live(), `small${n}-`, 1);
    const order = takeNames(queue, 10).map((name) => name.replace(/\d.*/, ""));
    expect(order.join(" ")).toBe("small small small large small small small large small large");
  });

  it("does not let an endless stream of newcomers starve a large request", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "large", 5000);
    const taken: string[] = [];
    for (let n = 0; n < 200; n += 1) {
      fill(queue, live(), `small${n}-`, 2);
      taken.push(...takeNames(queue, 1));
    }
    expect(taken.filter((name) => name.startsWith("large")).length).toBeGreaterThan(2);
    expect(taken.filter((name) => name.startsWith("small")).length).toBeGreaterThan(100);
  });

  it("does not let newcomers, as many as are served, take more than half from a large request", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "large", 5000);
    const taken: string[] = [];
    for (let n = 0; n < 200; n += 1) {
      fill(queue, live(), `small${n}-`, 1);
      taken.push(...takeNames(queue, 2));
    }
    expect(taken.filter((name) => name.startsWith("large"))).toHaveLength(200);
  });

  it("can be asked for newcomers alone", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, live(), "a", 10);
    fill(queue, live(), "b", 10);
    takeNames(queue, 3);
    expect(queue.peekFirstTurn()).toBeUndefined();
    fill(queue, live(), "c", 1);
    expect(queue.peekFirstTurn()).toMatchObject({ entry: { name: "c0" }, isFirstTurn: true });
  });
});

describe("an entry that several wait for", () => {
  it("goes with the first of their turns, and once", () => {
    const queue = new FairQueue<Entry>();
    const entries = fill(queue, live(), "a", 1000);
    takeNames(queue, 10);
    const [wanted] = entries.slice(900);
    if (wanted === undefined) throw new Error("unreachable");
    queue.add(live(), wanted);
    expect(takeNames(queue, 1)).toEqual(["a900"]);
    expect(takeNames(queue)).not.toContain("a900");
  });

  it("stands once in a line that it is added to twice", () => {
    const queue = new FairQueue<Entry>();
    const requester = live();
    const [first] = fill(queue, requester, "a", 50);
    if (first === undefined) throw new Error("unreachable");
    queue.add(requester, first);
    expect(queue.countUntil(first)).toBe(1);
    expect(takeNames(queue)).toHaveLength(50);
  });

  it("leaves nothing behind when every line that it stood in has been served", () => {
    const queue = new FairQueue<Entry>();
    const requesters = Array.from({ length: 50 }, live);
    const entries = toEntries("a", 100);
    for (const requester of requesters) for (const entry of entries) queue.add(requester, entry);
    expect(queue.size).toBe(100);
    expect(takeNames(queue)).toHaveLength(100);
    expect(queue.size).toBe(0);
    expect(queue.peek()).toBeUndefined();
  });
});

describe("requesters whose deadline has passed", () => {
  it("go behind those who still wait, and get every fourth turn", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, until(100), "late", 100);
    vi.advanceTimersByTime(200);
    fill(queue, live(), "live", 100);
    const taken = takeNames(queue, 40);
    expect(taken.slice(0, 3)).toEqual(["live0", "live1", "live2"]);
    expect(taken.filter((name) => name.startsWith("late"))).toHaveLength(10);
  });

  it("share their turns evenly", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, until(100), "a", 100);
    fill(queue, until(100), "b", 100);
    vi.advanceTimersByTime(200);
    const taken = takeNames(queue, 50);
    expect(taken.filter((name) => name.startsWith("a"))).toHaveLength(25);
  });

  it("have all turns when nobody else waits", () => {
    const queue = new FairQueue<Entry>();
    fill(queue, until(100), "late", 10);
    vi.advanceTimersByTime(200);
    expect(takeNames(queue)).toHaveLength(10);
  });

  it("do not hold up an entry that somebody else joined", () => {
    const queue = new FairQueue<Entry>();
    const entries = fill(queue, until(100), "late", 100);
    vi.advanceTimersByTime(200);
    const last = entries.at(-1);
    if (last === undefined) throw new Error("unreachable");
    queue.add(live(), last);
    expect(takeNames(queue, 1)).toEqual(["late99"]);
  });
});

describe("how many entries are served before one is", () => {
  it("counts those before it for one requester", () => {
    const queue = new FairQueue<Entry>();
    const entries = fill(queue, live(), "a", 100);
    takeNames(queue, 10);
    expect(entries.slice(10).map((entry) => queue.countUntil(entry))).toEqual(
      Array.from({ length: 90 }, (_, n) => n + 1),
    );
  });

  it("is 0 for one that does not wait", () => {
    const queue = new FairQueue<Entry>();
    const [first] = fill(queue, live(), "a", 2);
    takeNames(queue, 1);
    if (first === undefined) throw new Error("unreachable");
    expect(queue.countUntil(first)).toBe(0);
  });

  it.each([1, 2, 3])("is about right for any mixture of requesters (seed %d)", (seed) => {
    const random = createRandom(seed);
    const queue = new FairQueue<Entry>();
    const entries: Entry[] = [];
    for (let n = 0; n < 12; n += 1) {
      const requester = random() < 0.4 ? until(100) : live();
      entries.push(...fill(queue, requester, `${n}-`, 1 + Math.floor(random() ** 2 * 200)));
    }
    vi.advanceTimersByTime(200);
    takeNames(queue, 5);
    const predicted = entries
      .map((entry) => ({ entry, count: queue.countUntil(entry) }))
      .filter(({ count }) => count > 0);
    const actual = new Map(takeNames(queue).map((name, index) => [name, index + 1]));
    expect(actual.size).toBe(predicted.length);
    const lines = 12;
    for (const { entry, count } of predicted) {
      const served = actual.get(entry.name) ?? 0;
      expect(Math.abs(served - count)).toBeLessThanOrEqual(2 * lines + 0.15 * served);
    }
  });
});

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import { CertificateNotFoundError } from "../../src/providers/vendor-errors.ts";
import { passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import { createSetup, live, observe, origin, toKeys, toRequests } from "./batched-cloud.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("many certificates", () => {
  it("are listed with as few calls as their number allows, each group for itself", async () => {
    const { source, lists, singles } = createSetup();
    const requests = ["a", "b", "c", "d"].flatMap((group) => toRequests(group, toKeys(250)));
    const outcomes = observe(source.fetch(requests));
    await passMs(3_000);
    expect(outcomes).toEqual(requests.map(({ key: [, key] }) => key));
    expect(lists).toHaveLength(12);
    expect(singles).toHaveLength(0);
  });

  it("of several spellings are listed by the likeliest, and by the others as far as there is room", async () => {
    const { source, lists } = createSetup({ spellings: 3 });
    const outcomes = observe([
      ...source.fetch(toRequests("a", toKeys(100))),
      ...source.fetch(toRequests("b", toKeys(40))),
      ...source.fetch(toRequests("c", toKeys(250))),
    ]);
    await passMs(3_000);
    expect(outcomes).toEqual([...toKeys(100), ...toKeys(40), ...toKeys(250)]);
    expect(lists.map(({ group }) => group)).toEqual(["a", "b", "c", "c", "c"]);
    expect(lists.map(({ values }) => values.length)).toEqual([100, 100, 100, 100, 100]);
    expect(lists[0]?.values).toEqual(toKeys(100));
    expect(lists[1]?.values.slice(0, 42)).toEqual([...toKeys(40), "k0/1", "k0/2"]);
  });

  it("are listed by one value where there is one certificate alone", async () => {
    const { source, lists, memory } = createSetup({ spellings: 3 });
    memory.refused();
    observe(source.fetch(toRequests("a", toKeys(40))));
    await passMs(1_000);
    expect(lists.length).toBeGreaterThan(15);
    expect(lists.every(({ values }) => values.length === 1)).toBe(true);
  });

  it("are matched by their key: order, doubled, strange and nameless items do not matter", async () => {
    const { source, state, singles } = createSetup();
    state.distort = (items) =>
      [...items, { key: "stranger" }, { key: null }, ...items].toReversed();
    const outcomes = observe(source.fetch(toRequests("a", toKeys(50))));
    await passMs(1_000);
    expect(outcomes).toEqual(toKeys(50));
    expect(singles).toHaveLength(0);
  });

  it("that a list answer lacks are asked for singly before they count as absent", async () => {
    const { source, state, lists, singles } = createSetup();
    state.distort = (items) => items.slice(2);
    const outcomes = observe(source.fetch(toRequests("a", [...toKeys(50), "absent1"])));
    await passMs(1_000);
    expect(outcomes).toEqual([...toKeys(50), null]);
    expect(lists).toHaveLength(1);
    expect(singles.map(({ key }) => key)).toEqual(["k0", "k1", "absent1"]);
  });

  it("stay apart: one that cannot be read is the only one that fails", async () => {
    const { source, state } = createSetup();
    state.broken = "k3";
    const outcomes = observe(source.fetch(toRequests("a", toKeys(10))));
    await passMs(1_000);
    expect(outcomes).toEqual(toKeys(10).map((key) => (key === "k3" ? "cannot be read" : key)));
  });

  it("are absent, without an error, when the cloud does not know what they belong to", async () => {
    const { source, state } = createSetup();
    state.listErrors = [new CertificateNotFoundError(origin)];
    const outcomes = observe(source.fetch(toRequests("a", toKeys(3, "absent"))));
    await passMs(1_000);
    expect(outcomes).toEqual([null, null, null]);
  });

  it("all fail with the list call that fails for good", async () => {
    const { source, state, singles } = createSetup();
    state.listErrors = [new ProviderError("PROVIDER_DENIED", { origin, message: "denied" })];
    const outcomes = observe(source.fetch(toRequests("a", toKeys(10))));
    await passMs(1_000);
    expect(outcomes).toEqual(toKeys(10).map(() => "denied"));
    expect(singles).toHaveLength(0);
  });

  it("with a detail field cost a single call each, and those alone", async () => {
    const { source, lists, singles } = createSetup();
    const outcomes = observe(
      source.fetch([
        ...toRequests("a", toKeys(5, "detail"), live(), true),
        ...toRequests("a", toKeys(40)),
      ]),
    );
    await passMs(1_000);
    expect(outcomes).toEqual([...toKeys(5, "detail"), ...toKeys(40)]);
    expect(singles.map(({ key }) => key)).toEqual(toKeys(5, "detail"));
    expect(lists.map(({ values }) => values)).toEqual([toKeys(40)]);
  });
});

describe("one certificate", () => {
  it("is read with the single call", async () => {
    const { source, lists, singles } = createSetup();
    const outcomes = observe(source.fetch(toRequests("a", ["k"])));
    await passMs(200);
    expect(outcomes).toEqual(["k"]);
    expect(singles).toHaveLength(1);
    expect(lists).toHaveLength(0);
  });

  it("is listed when single calls have to wait", async () => {
    const { source, lists, singles } = createSetup({ callsPerSecond: 2 });
    const outcomes = observe(
      ["a", "b", "c", "d"].flatMap((group) => source.fetch(toRequests(group, ["k"]))),
    );
    await passMs(200);
    expect(outcomes).toEqual(["k", "k", "k", "k"]);
    expect([singles.length, lists.length]).toEqual([2, 2]);
  });

  it("that a list of one lacks is asked for singly as well", async () => {
    const { source, state, singles } = createSetup({ callsPerSecond: 2 });
    state.distort = () => [];
    const outcomes = observe(
      ["a", "b", "c"].flatMap((group) => source.fetch(toRequests(group, ["k"]))),
    );
    await passMs(2_500);
    expect(outcomes).toEqual(["k", "k", "k"]);
    expect(singles).toHaveLength(3);
  });
});

describe("what several requests want", () => {
  it("travels in one call when it waits for the same quota", async () => {
    const { source, lists } = createSetup({ callsPerSecond: 1 });
    const busy = observe(source.fetch(toRequests("a", toKeys(2, "busy"))));
    await settlePromises();
    const outcomes = toKeys(8, "r").map((prefix) =>
      observe(source.fetch(toRequests("a", toKeys(10, prefix)))),
    );
    await passMs(1_500);
    expect(busy).toEqual(toKeys(2, "busy"));
    expect(outcomes).toEqual(toKeys(8, "r").map((prefix) => toKeys(10, prefix)));
    expect(lists.map(({ values }) => values.length)).toEqual([2, 80]);
  });

  it("takes what is left with the next turn, and no turn is spent on what went already", async () => {
    const { source, lists } = createSetup({ callsPerSecond: 1 });
    void source.fetch(toRequests("a", toKeys(2, "busy")));
    await settlePromises();
    const outcomes = toKeys(5, "r").map((prefix) =>
      observe(source.fetch(toRequests("a", toKeys(60, prefix)))),
    );
    await passMs(4_500);
    expect(outcomes).toEqual(toKeys(5, "r").map((prefix) => toKeys(60, prefix)));
    expect(lists.map(({ values }) => values.length)).toEqual([2, 100, 100, 100]);
    expect(new Set(lists.flatMap(({ values }) => values)).size).toBe(302);
  });

  it("does not mix what belongs to different groups", async () => {
    const { source, lists } = createSetup({ callsPerSecond: 1 });
    for (const group of ["a", "b", "a", "b"]) {
      void source.fetch(toRequests(group, toKeys(10, `${group}${lists.length}`)));
    }
    await passMs(4_000);
    for (const { group, values } of lists) {
      expect(values.every((value) => value.startsWith(group))).toBe(true);
    }
    expect(lists).toHaveLength(2);
  });

  it("says that it is on its way when it was taken along", async () => {
    const { source } = createSetup({ callsPerSecond: 1 });
    void source.fetch(toRequests("a", toKeys(2, "busy")));
    await settlePromises();
    const requests = toKeys(3, "r").flatMap((prefix) => toRequests("a", toKeys(5, prefix)));
    for (let n = 0; n < 15; n += 5) void source.fetch(requests.slice(n, n + 5));
    await passMs(500);
    expect(requests.map(({ ticket }) => ticket.isSent)).toEqual(requests.map(() => false));
    await passMs(600);
    expect(requests.map(({ ticket }) => ticket.isSent)).toEqual(requests.map(() => true));
  });

  it("waits together for the second attempt of the call that took it along", async () => {
    const { source, state } = createSetup({ callsPerSecond: 1 });
    void source.fetch(toRequests("a", toKeys(2, "busy")));
    await settlePromises();
    const throttled = new ProviderError("PROVIDER_THROTTLED", {
      origin,
      message: "throttled",
      isRetryable: true,
      retryAfterMs: 1_000,
    });
    const requests = [...toRequests("a", toKeys(5, "x")), ...toRequests("a", toKeys(5, "y"))];
    const outcomes = observe([
      ...source.fetch(requests.slice(0, 5)),
      ...source.fetch(requests.slice(5)),
    ]);
    await passMs(1_000);
    state.listErrors = [throttled];
    await passMs(700);
    for (const { ticket } of requests) {
      expect(ticket.isSent).toBe(false);
      expect(ticket.estimateWaitMs()).toBeGreaterThan(300);
    }
    await passMs(3_000);
    expect(outcomes).toEqual([...toKeys(5, "x"), ...toKeys(5, "y")]);
  });
});

describe("a cloud that does not take several values as alternatives", () => {
  it.each(["first", "refuse"] as const)(
    "and reads them as %s gives the right answers all the same",
    async (meaning) => {
      const { source, state } = createSetup();
      state.meaning = meaning;
      const keys = [...toKeys(150), ...toKeys(10, "absent")];
      const outcomes = observe(source.fetch(toRequests("a", keys)));
      await passMs(15_000);
      expect(outcomes).toEqual(keys.map((key) => (key.startsWith("absent") ? null : key)));
    },
  );

  it.each(["first", "refuse"] as const)(
    "and reads them as %s is remembered: both quotas are used at the same time then",
    async (meaning) => {
      const { source, state, lists, singles, memory, log } = createSetup();
      state.meaning = meaning;
      observe(source.fetch(toRequests("a", toKeys(3, "first"))));
      await passMs(3_000);
      expect(memory.isListing).toBe(false);
      expect(log.entries).toHaveLength(1);
      lists.splice(0);
      singles.splice(0);
      const start = performance.now();
      const outcomes = observe(source.fetch(toRequests("a", toKeys(120))));
      await passMs(4_000);
      expect(outcomes).toEqual(toKeys(120));
      expect(lists.every(({ values }) => values.length === 1)).toBe(true);
      expect(lists.length + singles.length).toBe(120);
      expect(Math.abs(lists.length - singles.length)).toBeLessThanOrEqual(2);
      const last = Math.max(...[...lists, ...singles].map(({ sentAtMs }) => sentAtMs));
      // 120 calls at twice 20 a second; through one of the quotas alone they would take more than five seconds.
      expect(last - start).toBeLessThan(3_200);
    },
  );

  it("and refuses them uses both quotas already for those of the refused call", async () => {
    const { source, state, lists, singles } = createSetup();
    state.meaning = "refuse";
    const outcomes = observe(source.fetch(toRequests("a", toKeys(80))));
    await passMs(3_500);
    expect(outcomes).toEqual(toKeys(80));
    expect(lists.filter(({ values }) => values.length === 1).length).toBeGreaterThan(30);
    expect(singles.length).toBeGreaterThan(30);
  });

  it("is not suspected for a value that it refuses alone as well", async () => {
    const { source, state, memory, lists } = createSetup();
    state.bad = "k7";
    const outcomes = observe(source.fetch(toRequests("a", toKeys(20))));
    await passMs(3_000);
    expect(outcomes).toEqual(toKeys(20).map((key) => (key === "k7" ? "a bad value" : key)));
    expect(memory.isListing).toBe(true);
    lists.splice(0);
    observe(source.fetch(toRequests("a", toKeys(50, "other"))));
    await passMs(1_000);
    expect(lists.map(({ values }) => values.length)).toEqual([50]);
  });

  it("is tried again after ten minutes, and listed from then on", async () => {
    const { source, state, lists } = createSetup();
    state.meaning = "refuse";
    observe(source.fetch(toRequests("a", toKeys(5))));
    await passMs(3_000);
    state.meaning = "or";
    lists.splice(0);
    await passMs(10 * 60_000 - 4_000);
    observe(source.fetch(toRequests("a", toKeys(5, "early"))));
    await passMs(5_000);
    expect(lists.every(({ values }) => values.length === 1)).toBe(true);
    lists.splice(0);
    observe(source.fetch(toRequests("a", toKeys(50, "late"))));
    await passMs(1_000);
    expect(lists.map(({ values }) => values.length)).toEqual([50]);
  });
});

describe("the cost of planning", () => {
  it("of 5,000 certificates of one group stays below a quarter of a second", async () => {
    const { source, lists } = createSetup({ callsPerSecond: 1 });
    const requests = toRequests("a", toKeys(5_000));
    const { cpuMs } = await measureCpu(async () => {
      observe(source.fetch(requests));
      await passMs(70_000);
    });
    expect(lists).toHaveLength(50);
    expect(cpuMs).toBeLessThan(1_000);
    const planning = await measureCpu(() => {
      observe(source.fetch(toRequests("b", toKeys(5_000))));
    });
    expect(planning.cpuMs).toBeLessThan(250);
    await passMs(70_000);
  });

  it("of 5,000 single calls stays below half a second", async () => {
    const { source, singles } = createSetup({ callsPerSecond: 20 });
    const { cpuMs } = await measureCpu(async () => {
      observe(source.fetch(toRequests("a", toKeys(5_000), live(), true)));
      // A few turns of the event loop: not all is sent in one.
      await passMs(1);
    });
    // Some slots are kept for newcomers.
    expect(singles.length).toBeGreaterThan(14);
    expect(cpuMs).toBeLessThan(500);
  });
});

async function measureCpu(run: () => unknown): Promise<{ cpuMs: number }> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000 };
}

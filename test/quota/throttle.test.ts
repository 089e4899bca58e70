import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  CallTicket,
  NotNeededError,
  QueueFullError,
  type Quota,
  type QuotaCall,
  type Requester,
} from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import {
  createRandom,
  passMs,
  SimulatedCloud,
  settlePromises,
  useFakeClock,
} from "./simulated-cloud.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const live = (): Requester => ({ deadlineMs: Number.POSITIVE_INFINITY });

/** What it rejects with. */
function catchRejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => new Error("expected a rejection, got none"),
    (error: unknown) => error,
  );
}

function createQuota(callsPerSecond: number, maxWaiting?: number): Quota {
  return createThrottle({
    windows: [new SlidingWindow({ callsPerSecond })],
    ...(maxWaiting !== undefined && { maxWaiting }),
  });
}

/** Makes calls that are answered at once, and tells in which order they were sent. */
function createRecorder(quota: Quota) {
  const sent: string[] = [];
  const send = (
    name: string,
    requester: Requester,
    more: Partial<QuotaCall<string>> = {},
  ): CallTicket => {
    const ticket = new CallTicket(requester);
    const call = async () => {
      sent.push(name);
      return name;
    };
    quota.run({ send: call, tickets: [ticket], ...more }).catch(() => {});
    return ticket;
  };
  return { sent, send };
}

describe("a call", () => {
  it("goes at once while the quota is free, and what it answers or throws comes back", async () => {
    const quota = createQuota(10);
    const tickets = [new CallTicket(live())];
    await expect(quota.run({ send: async () => 7, tickets })).resolves.toBe(7);
    const error = new Error("failed");
    await expect(quota.run({ send: () => Promise.reject(error), tickets })).rejects.toBe(error);
  });

  it("that comes with many others does not keep the event loop: a burst is sent in several turns, and all of it", async () => {
    const { sent, send } = createRecorder(createQuota(300));
    for (let n = 0; n < 40; n += 1) send("burst", live());
    await Promise.resolve();
    expect(sent.length).toBeLessThan(10);
    const beganAtMs = performance.now();
    for (let turns = 0; turns < 10; turns += 1) await settlePromises();
    expect(sent).toHaveLength(40);
    expect(performance.now()).toBe(beganAtMs);
  });

  it("that throws instead of rejecting keeps no slot longer than others", async () => {
    const quota = createQuota(10);
    const error = new Error("thrown");
    const outcomes = Array.from({ length: 30 }, () =>
      catchRejection(
        quota.run({
          send: () => {
            throw error;
          },
          tickets: [new CallTicket(live())],
        }),
      ),
    );
    await passMs(3_100);
    expect(await Promise.all(outcomes)).toEqual(outcomes.map(() => error));
    expect(quota.use()).toMatchObject({ waiting: 0, estimatedWaitMs: 0 });
  });

  it("for nobody is made all the same", async () => {
    await expect(createQuota(1).run({ send: async () => 1, tickets: [] })).resolves.toBe(1);
  });

  it("that nobody needs any more takes no slot, and its ticket leaves", async () => {
    const quota = createQuota(2);
    const { sent, send } = createRecorder(quota);
    const requester = live();
    send("a", requester);
    const ticket = new CallTicket(requester);
    const dropped = catchRejection(
      quota.run({ send: async () => "b", tickets: [ticket], isNeeded: () => false }),
    );
    expect(ticket.isSent).toBe(false);
    send("c", requester);
    await settlePromises();
    expect(sent).toEqual(["a", "c"]);
    expect(await dropped).toBeInstanceOf(NotNeededError);
    expect(ticket.isSent).toBe(true);
    expect(quota.use().usedInLastSecond).toBe(2);
  });

  it("that nobody needs does not wait for a slot to be dropped", async () => {
    const quota = createQuota(1);
    const { send } = createRecorder(quota);
    const requester = live();
    send("a", requester);
    await settlePromises();
    for (let n = 0; n < 100; n += 1) send("unneeded", requester, { isNeeded: () => false });
    await settlePromises();
    expect(quota.use().waiting).toBe(0);
  });

  it("never gets lost: all of a random mixture are settled, and the queue is empty in the end", async () => {
    const random = createRandom(42);
    const quota = createQuota(20);
    const cloud = new SimulatedCloud({ seed: 5 });
    const tickets: CallTicket[] = [];
    let settled = 0;
    const requesters = Array.from({ length: 15 }, () => ({ deadlineMs: random() * 20_000 }));
    for (let n = 0; n < 400; n += 1) {
      const mine = requesters.filter(() => random() < 0.1);
      const ticket = new CallTicket(mine[0] ?? live());
      tickets.push(ticket);
      const dice = random();
      quota
        .run({
          send: () => {
            if (dice < 0.1) throw new Error("thrown");
            return cloud.call(dice < 0.2 ? "hang" : dice < 0.4 ? "fail" : "answer");
          },
          tickets: [ticket],
          isNeeded: () => dice < 0.8,
          isRetry: dice > 0.7,
        })
        .catch(() => {})
        .finally(() => {
          settled += 1;
        });
      for (const requester of mine.slice(1)) ticket.join(requester);
      if (random() < 0.2) await passMs(random() * 300);
    }
    await passMs(60_000);
    expect(settled).toBe(400);
    expect(tickets.every(({ isSent }) => isSent)).toBe(true);
    expect(quota.use()).toMatchObject({ waiting: 0, usedInLastSecond: 0, estimatedWaitMs: 0 });
    expect(cloud.mostArrivedIn(1000)).toBeLessThanOrEqual(20);
  });
});

describe("a full queue", () => {
  it("refuses at once, with the time after which there is room again", async () => {
    const quota = createQuota(10, 50);
    const { send } = createRecorder(quota);
    const requester = live();
    // All at once: the first ones are still in the queue as well.
    for (let n = 0; n < 50; n += 1) send(`${n}`, requester);
    const refused = await catchRejection(
      quota.run({ send: async () => 1, tickets: [new CallTicket(requester)] }),
    );
    if (!(refused instanceof QueueFullError)) throw refused;
    // The 51st call at ten a second goes with the sixth ten.
    expect(refused.retryAfterMs).toBeGreaterThanOrEqual(5_000);
    expect(refused.retryAfterMs).toBeLessThan(6_500);
    await passMs(refused.retryAfterMs);
    const before = performance.now();
    const again = quota.run({
      send: async () => performance.now(),
      tickets: [new CallTicket(live())],
    });
    await passMs(1_000);
    expect((await again) - before).toBeLessThan(200);
  });

  it("still takes the first call of others, but not of any number of them", async () => {
    const quota = createQuota(10, 50);
    const { sent, send } = createRecorder(quota);
    const requester = live();
    for (let n = 0; n < 60; n += 1) send(`${n}`, requester);
    for (let n = 0; n < 1_100; n += 1) send(`other ${n}`, live());
    expect(quota.use().waiting).toBe(1_050);
    await passMs(200);
    expect(sent).toContain("other 0");
  });

  it("still takes a call that was refused by the cloud before", async () => {
    const quota = createQuota(1, 3);
    const { sent, send } = createRecorder(quota);
    const requester = live();
    for (const name of ["a", "b", "c"]) send(name, requester);
    send("retry", requester, { isRetry: true });
    await passMs(3_500);
    expect(sent).toEqual(["retry", "a", "b", "c"]);
  });
});

describe("the order", () => {
  it("puts a retry in front of what its requester still waits for", async () => {
    const quota = createQuota(2);
    const { sent, send } = createRecorder(quota);
    const requester = live();
    for (const name of ["a", "b", "c", "d"]) send(name, requester);
    await passMs(500);
    send("retry", requester, { isRetry: true });
    await passMs(2_600);
    expect(sent).toEqual(["a", "b", "retry", "c", "d"]);
  });

  it("is that of the first of the turns of all who wait for a call", async () => {
    const quota = createQuota(2);
    const { sent, send } = createRecorder(quota);
    const large = live();
    const tickets = Array.from({ length: 20 }, (_, n) => send(`large${n}`, large));
    await passMs(100);
    tickets.at(-1)?.join(live());
    await passMs(1_500);
    expect(sent).toEqual(["large0", "large1", "large19", "large2"]);
  });

  it("gives two equal requesters equal shares", async () => {
    const quota = createQuota(10);
    const { sent, send } = createRecorder(quota);
    const [one, other] = [live(), live()];
    for (let n = 0; n < 500; n += 1) send("one", one);
    await passMs(5_000);
    for (let n = 0; n < 500; n += 1) send("other", other);
    sent.splice(0);
    await passMs(10_000);
    const ones = sent.filter((name) => name === "one").length;
    expect(Math.abs(ones - sent.length / 2)).toBeLessThanOrEqual(2);
  });

  it("sends those whose deadline has passed behind the others, and never lets them stand still", async () => {
    const quota = createQuota(10);
    const { sent, send } = createRecorder(quota);
    const late = { deadlineMs: performance.now() + 2_000 };
    for (let n = 0; n < 500; n += 1) send("late", late);
    await passMs(2_500);
    const requester = live();
    for (let n = 0; n < 500; n += 1) send("live", requester);
    await passMs(1_000);
    sent.splice(0);
    await passMs(20_000);
    const share = sent.filter((name) => name === "late").length / sent.length;
    expect(share).toBeCloseTo(0.25, 1);
  });
});

describe("what a ticket says of its wait", () => {
  it.each([1, 5, 10, 20, 300])(
    "is true for every place in the queue, at %d a second",
    async (limit) => {
      const cloud = new SimulatedCloud({ seed: limit });
      const quota = createQuota(limit);
      const sentAtMs = new Map<CallTicket, number>();
      const tickets: CallTicket[] = [];
      const requester = live();
      for (let n = 0; n < limit * 20; n += 1) {
        const ticket = new CallTicket(requester);
        tickets.push(ticket);
        void quota
          .run({ send: () => cloud.call(), tickets: [ticket] })
          .then(() => sentAtMs.set(ticket, performance.now()));
      }
      await passMs(4_300);
      const toldAtMs = performance.now();
      const told = tickets
        .filter(({ isSent }) => !isSent)
        .map((ticket) => ({ ticket, ms: ticket.estimateWaitMs() }));
      expect(told.length).toBeGreaterThan(limit * 10);
      await passMs(30_000);
      for (const { ticket, ms } of told) {
        const tookMs = (sentAtMs.get(ticket) ?? Number.POSITIVE_INFINITY) - toldAtMs;
        // Nobody is called too early by more than a moment, nor sent away for much longer than needed.
        expect(ms).toBeGreaterThan(tookMs * 0.95 - 300);
        expect(ms).toBeLessThan(tookMs * 1.1 + 400);
      }
    },
  );

  it("is true also for a call that 50 wait for together", async () => {
    const cloud = new SimulatedCloud();
    const quota = createQuota(10);
    const first = live();
    const tickets = Array.from({ length: 100 }, () => new CallTicket(first));
    for (const ticket of tickets) void quota.run({ send: () => cloud.call(), tickets: [ticket] });
    for (let n = 0; n < 50; n += 1) {
      const requester = live();
      for (const ticket of tickets) ticket.join(requester);
    }
    await settlePromises();
    expect(tickets.at(-1)?.estimateWaitMs()).toBeGreaterThan(8_500);
    expect(tickets.at(-1)?.estimateWaitMs()).toBeLessThan(11_500);
  });

  it("is a round trip at most while slots are free, however low the limit", async () => {
    const quota = createQuota(0.1);
    const { send } = createRecorder(quota);
    expect(send("a", live()).estimateWaitMs()).toBeLessThan(300);
  });
});

describe("what a quota says of itself", () => {
  it("is true while it works", async () => {
    const quota = createQuota(10);
    const cloud = new SimulatedCloud();
    const requester = live();
    const idle = { callsPerSecond: 10, usedInLastSecond: 0, waiting: 0, estimatedWaitMs: 0 };
    expect(quota.use()).toEqual(idle);
    for (let n = 0; n < 100; n += 1) {
      void quota.run({ send: () => cloud.call(), tickets: [new CallTicket(requester)] });
    }
    // Before any of them had a chance to go.
    expect(quota.use()).toMatchObject({ usedInLastSecond: 0, waiting: 100 });
    expect(quota.use().estimatedWaitMs).toBeGreaterThan(9_000);
    await passMs(5_500);
    const { waiting, usedInLastSecond, estimatedWaitMs } = quota.use();
    expect(waiting).toBe(100 - cloud.arrivedAtMs.length);
    expect(usedInLastSecond).toBeGreaterThanOrEqual(9);
    expect(usedInLastSecond).toBeLessThanOrEqual(11);
    expect(Math.abs(estimatedWaitMs - waiting * 106)).toBeLessThan(1_000);
    await passMs(20_000);
    expect(quota.use()).toEqual(idle);
  });

  it("makes calls that come at the same moment wait their turn", () => {
    const quota = createQuota(10);
    const { send } = createRecorder(quota);
    const waits: number[] = [];
    for (let n = 0; n < 30; n += 1) {
      waits.push(quota.use().estimatedWaitMs);
      send("a", live());
    }
    expect(waits.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 0));
    expect(waits.slice(10).every((ms) => ms >= 1000)).toBe(true);
  });
});

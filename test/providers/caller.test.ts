import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RequestError } from "../../src/errors.ts";
import { CallTicket, NotNeededError } from "../../src/quota/quota.ts";
import { elapse, passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import {
  createFlaky,
  createSetup,
  live,
  observe,
  origin,
  passAndRead,
  toError,
} from "./caller-setup.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("a call that fails in a way that may pass", () => {
  it("is made again, each time later than before", async () => {
    const { caller, attempts } = createSetup();
    const { send, sentAtMs } = createFlaky(3, toError("PROVIDER_UNAVAILABLE"));
    const start = performance.now();
    const { outcome } = await passAndRead(
      caller.call(send, { tickets: [new CallTicket(live())] }),
      5_000,
    );
    expect(outcome).toEqual({ status: "fulfilled", value: "answer" });
    expect(sentAtMs.map((ms) => ms - start)).toEqual([0, 70, 190, 410]);
    expect(attempts).toEqual(["failed", "failed", "failed", "answered"]);
  });

  it("is given up after six attempts", async () => {
    const { caller, attempts } = createSetup();
    const error = toError("PROVIDER_THROTTLED");
    const { send } = createFlaky(99, error);
    const { outcome } = await passAndRead(
      caller.call(send, { tickets: [new CallTicket(live())] }),
      20_000,
    );
    expect(outcome).toEqual({ status: "rejected", reason: error });
    expect(attempts).toHaveLength(6);
  });

  it("waits for as long as the cloud asks", async () => {
    const { caller } = createSetup();
    const { send, sentAtMs } = createFlaky(
      1,
      toError("PROVIDER_THROTTLED", { retryAfterMs: 1_700, pauseMs: 1_700 }),
    );
    await passAndRead(caller.call(send, { tickets: [new CallTicket(live())] }), 5_000);
    const [first = 0, second = 0] = sentAtMs;
    expect(second - first).toBeGreaterThanOrEqual(1_720);
    expect(second - first).toBeLessThan(1_800);
  });

  it("is not made again for longer than an answer may take", async () => {
    const { caller, attempts } = createSetup();
    const error = toError("PROVIDER_THROTTLED", { retryAfterMs: 11_000 });
    const { send } = createFlaky(99, error);
    const { outcome } = await passAndRead(
      caller.call(send, { tickets: [new CallTicket(live())] }),
      100,
    );
    expect(outcome).toEqual({ status: "rejected", reason: error });
    expect(attempts).toEqual(["throttled"]);
  });

  it("tells those who wait for it why it is made again", async () => {
    const { caller } = createSetup();
    const error = toError("PROVIDER_UNAVAILABLE");
    const { send } = createFlaky(1, error);
    const ticket = new CallTicket(live());
    void caller.call(send, { tickets: [ticket] });
    await passMs(10);
    expect(ticket.lastError).toBeUndefined();
    await passMs(20);
    expect(ticket.lastError).toBe(error);
  });

  it("goes in front of the others when it is made again", async () => {
    const { caller } = createSetup({ callsPerSecond: 1 });
    const requester = live();
    const sent: string[] = [];
    let failures = 1;
    const call = (name: string) =>
      caller.call(
        async () => {
          sent.push(name);
          if (name === "a" && failures-- > 0) throw toError("PROVIDER_UNAVAILABLE");
        },
        { tickets: [new CallTicket(requester)] },
      );
    void Promise.all(["a", "b", "c"].map(call));
    await passMs(4_000);
    expect(sent).toEqual(["a", "a", "b", "c"]);
  });

  it("is made for all who wait by then, also those that joined between two attempts", async () => {
    const { caller } = createSetup({ callsPerSecond: 1 });
    const large = { deadlineMs: performance.now() + 500 };
    const others = live();
    const { send, sentAtMs } = createFlaky(1, toError("PROVIDER_UNAVAILABLE"));
    const ticket = new CallTicket(large);
    void caller.call(send, { tickets: [ticket] });
    await passMs(40);
    for (let n = 0; n < 20; n += 1) {
      void caller.call(async () => {}, { tickets: [new CallTicket(others)] });
    }
    ticket.join(live());
    await passMs(3_000);
    expect(sentAtMs).toHaveLength(2);
  });
});

describe("a call that the cloud refuses for good", () => {
  it.each([new RequestError("BAD_USER_INPUT", "no"), new Error("a defect")])(
    "is not counted as a failure of the cloud (%s)",
    async (error) => {
      const { caller, attempts, circuit } = createSetup();
      for (let n = 0; n < 6; n += 1) {
        const { outcome } = await passAndRead(
          caller.call(() => Promise.reject(error), { tickets: [new CallTicket(live())] }),
          10,
        );
        expect(outcome).toEqual({ status: "rejected", reason: error });
      }
      expect(attempts).toEqual(Array.from({ length: 6 }, () => "answered"));
      expect(circuit.state).toBe("CLOSED");
    },
  );
});

describe("a refusal because of the quota", () => {
  it("slows the quota down, and no more than once for calls that were under way together", async () => {
    const { caller, quota } = createSetup();
    const slowDown = vi.spyOn(quota, "slowDown");
    const sentAtMs = performance.now();
    void caller
      .call(() => Promise.reject(toError("PROVIDER_THROTTLED", { pauseMs: 700 })), {
        tickets: [new CallTicket(live())],
      })
      .catch(() => {});
    await settlePromises();
    expect(slowDown).toHaveBeenCalledExactlyOnceWith(sentAtMs, 700);
    await passMs(30_000);
  });

  it("leaves a ticket that says how long it still waits, not that it was sent", async () => {
    const { caller } = createSetup();
    const { send } = createFlaky(1, toError("PROVIDER_THROTTLED", { retryAfterMs: 2_000 }));
    const ticket = new CallTicket(live());
    void caller.call(send, { tickets: [ticket] });
    await passMs(10);
    expect(ticket.isSent).toBe(true);
    await passMs(500);
    expect(ticket.isSent).toBe(false);
    expect(ticket.estimateWaitMs()).toBeGreaterThan(1_400);
    expect(ticket.estimateWaitMs()).toBeLessThan(1_900);
    await passMs(3_000);
    expect(ticket.isSent).toBe(true);
  });
});

describe("a full queue", () => {
  it("is told as throttled, with a time to come back", async () => {
    const { caller } = createSetup({ maxWaiting: 20 });
    const requester = live();
    const calls = Array.from({ length: 21 }, () =>
      observe(caller.call(() => elapse(20), { tickets: [new CallTicket(requester)] })),
    );
    await settlePromises();
    const outcome = calls.at(-1)?.outcome;
    if (outcome?.status !== "rejected") throw new Error("expected a rejection");
    expect(outcome.reason).toMatchObject({
      code: "PROVIDER_THROTTLED",
      extensions: { ...origin, code: "PROVIDER_THROTTLED" },
    });
    expect(outcome.reason.retryAfterMs).toBeGreaterThan(1_900);
    await passMs(5_000);
  });
});

describe("a call that nobody needs any more", () => {
  it("is not made", async () => {
    const { caller, attempts } = createSetup();
    const { outcome } = await passAndRead(
      caller.call(async () => 1, { tickets: [new CallTicket(live())], isNeeded: () => false }),
      10,
    );
    expect(outcome?.status === "rejected" && outcome.reason).toBeInstanceOf(NotNeededError);
    expect(attempts).toEqual([]);
  });

  it("is made again all the same once it was sent, because others count on it", async () => {
    const { caller } = createSetup();
    let isNeeded = true;
    const { send, sentAtMs } = createFlaky(1, toError("PROVIDER_UNAVAILABLE"));
    void caller.call(send, { tickets: [new CallTicket(live())], isNeeded: () => isNeeded });
    await passMs(10);
    isNeeded = false;
    await passMs(1_000);
    expect(sentAtMs).toHaveLength(2);
  });
});

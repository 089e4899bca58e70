import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CallTicket } from "../../src/quota/quota.ts";
import { elapse, passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import { createSetup, live, observe, toError } from "./caller-setup.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

describe("while the circuit is open", () => {
  it("calls are refused at once, with the time until the next attempt, and cost no slot", async () => {
    const { caller, circuit, quota, attempts } = createSetup();
    for (let n = 0; n < 5; n += 1) circuit.begin().failed();
    const calls = Array.from({ length: 100 }, () =>
      observe(caller.call(() => elapse(20), { tickets: [new CallTicket(live())] })),
    );
    await settlePromises();
    for (const { outcome } of calls) {
      expect(outcome?.status === "rejected" && outcome.reason).toMatchObject({
        code: "PROVIDER_UNAVAILABLE",
        retryAfterMs: 1_000,
      });
    }
    expect(attempts).toEqual([]);
    expect(quota.use()).toMatchObject({ usedInLastSecond: 0, waiting: 0, estimatedWaitMs: 0 });
  });

  it("one call finds out that the cloud is back, and those that come meanwhile wait for it and go", async () => {
    const { caller, circuit, attempts } = createSetup();
    for (let n = 0; n < 5; n += 1) circuit.begin().failed();
    await passMs(1_000);
    const ask = () => observe(caller.call(() => elapse(20), { tickets: [new CallTicket(live())] }));
    const tries = Array.from({ length: 3 }, ask);
    await passMs(15);
    expect(circuit.state).toBe("HALF_OPEN");
    expect(attempts).toEqual([]);
    tries.push(ask());
    await passMs(10);
    expect(attempts).toEqual(["answered"]);
    expect(circuit.state).toBe("CLOSED");
    await passMs(50);
    expect(tries.filter(({ outcome }) => outcome?.status === "fulfilled")).toHaveLength(4);
    const next = Array.from({ length: 6 }, ask);
    await passMs(50);
    expect(next.filter(({ outcome }) => outcome?.status === "fulfilled")).toHaveLength(6);
  });
});

describe("a cloud that fails for good", () => {
  it("is asked again for at most a tenth of the calls", async () => {
    const { caller, attempts } = createSetup({ callsPerSecond: 20 });
    for (let n = 0; n < 1_200; n += 1) {
      const error = toError("PROVIDER_UNAVAILABLE");
      observe(caller.call(() => Promise.reject(error), { tickets: [new CallTicket(live())] }));
      await passMs(50);
    }
    // One a second, after the first few.
    expect(attempts.length).toBeGreaterThan(55);
    expect(attempts.length).toBeLessThan(68);
  });

  it("is asked again a few times in all while others of its calls succeed now and then", async () => {
    const { caller } = createSetup({ callsPerSecond: 100 });
    const sent = { first: 0, again: 0 };
    for (let n = 0; n < 400; n += 1) {
      let isFirst = true;
      const send = async () => {
        sent[isFirst ? "first" : "again"] += 1;
        isFirst = false;
        // Never five failures in a row, which would open the circuit.
        if (n % 4 > 0) throw toError("PROVIDER_UNAVAILABLE");
      };
      observe(caller.call(send, { tickets: [new CallTicket(live())] }));
      await passMs(300);
    }
    expect(sent.again / (sent.first + sent.again)).toBeLessThan(0.1);
  });

  it("and hangs is noticed within two seconds: what waits is refused, and a slot is freed to find out that it is back", async () => {
    const { caller, circuit, attempts } = createSetup({ callsPerSecond: 10 });
    let isHanging = true;
    const send = (signal: AbortSignal) =>
      new Promise<string>((resolve, reject) => {
        signal.addEventListener("abort", () => reject(toError("PROVIDER_TIMEOUT")));
        if (!isHanging) setTimeout(() => resolve("answer"), 60);
      });
    const ask = () => observe(caller.call(send, { tickets: [new CallTicket(live())] }));
    const first = Array.from({ length: 30 }, ask);
    await passMs(2_000);
    expect(circuit.state).not.toBe("CLOSED");
    // All slots are taken by calls that hang.
    for (let n = 0; n < 40; n += 1) {
      ask();
      await passMs(100);
    }
    isHanging = false;
    const later: ReturnType<typeof ask>[] = [];
    for (let n = 0; n < 35; n += 1) {
      later.push(ask());
      await passMs(200);
    }
    expect(circuit.state).toBe("CLOSED");
    // The quota is free again, and what got lost in the hang is made again.
    const last = later.slice(-15, -5).map(({ outcome }) => outcome?.status);
    expect(last).toEqual(last.map(() => "fulfilled"));
    expect(attempts).toContain("failed");
    const statuses = first.map(({ outcome }) => outcome?.status);
    expect(new Set(statuses)).toEqual(new Set(["fulfilled", "rejected"]));
  });
});

describe("a cloud that is slow, and always was", () => {
  const createSlow = (answerMs: number) => {
    const setup = createSetup();
    const send = (signal: AbortSignal) =>
      new Promise<string>((resolve, reject) => {
        signal.addEventListener("abort", () =>
          reject(toError("PROVIDER_TIMEOUT", { retryAfterMs: 1_000 })),
        );
        setTimeout(() => resolve("answer"), answerMs);
      });
    const ask = () => observe(setup.caller.call(send, { tickets: [new CallTicket(live())] }));
    return { ...setup, ask };
  };

  it.each([2_000, 3_000, 4_500])(
    "(%i ms) answers everybody who comes while it is not known yet that it does not hang",
    async (answerMs) => {
      const { ask } = createSlow(answerMs);
      const asked: ReturnType<typeof ask>[] = [];
      for (let n = 0; n < 40; n += 1) {
        asked.push(ask());
        await passMs(200);
      }
      await passMs(30_000);
      expect(asked.map(({ outcome }) => outcome?.status)).toEqual(asked.map(() => "fulfilled"));
    },
  );

  it("answers also what was given up to find out whether it hangs", async () => {
    const { ask, attempts } = createSlow(2_000);
    // More than there are slots: the oldest call is given up, so that another one can be made.
    const asked = Array.from({ length: 30 }, ask);
    await passMs(1_600);
    expect(attempts).toEqual(["failed"]);
    await passMs(20_000);
    expect(asked.map(({ outcome }) => outcome?.status)).toEqual(asked.map(() => "fulfilled"));
    expect(attempts).toHaveLength(31);
  });
});

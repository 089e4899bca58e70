import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type DeniedScope,
  ProviderError,
  type ProviderErrorCode,
  RequestError,
} from "../../src/errors.ts";
import { type AttemptOutcome, createCaller } from "../../src/providers/caller.ts";
import { Circuit } from "../../src/providers/circuit.ts";
import { Denial } from "../../src/providers/denial.ts";
import { CallTicket, NotNeededError, type Requester } from "../../src/quota/quota.ts";
import { SlidingWindow } from "../../src/quota/sliding-window.ts";
import { createThrottle } from "../../src/quota/throttle.ts";
import { elapse, passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

const origin = { provider: "cloud-product", connection: "default" };
const live = (): Requester => ({ deadlineMs: Number.POSITIVE_INFINITY });

function createSetup({ callsPerSecond = 10, maxWaiting = 1000, keyDenial = new Denial() } = {}) {
  const quota = createThrottle({ windows: [new SlidingWindow({ callsPerSecond })], maxWaiting });
  const circuit = new Circuit();
  const attempts: AttemptOutcome[] = [];
  const caller = createCaller({
    quota,
    circuit,
    keyDenial,
    origin,
    retryWithinMs: 10_000,
    onAttempt: (outcome) => attempts.push(outcome),
    random: () => 0,
  });
  return { quota, circuit, attempts, caller };
}

function toError(code: ProviderErrorCode, more: { pauseMs?: number; retryAfterMs?: number } = {}) {
  return new ProviderError(code, { origin, message: "no", isRetryable: true, ...more });
}

/** Fails so many times, then answers; tells when each attempt came. */
function createFlaky(failures: number, error: Error) {
  const sentAtMs: number[] = [];
  const send = async () => {
    sentAtMs.push(performance.now());
    await elapse(20);
    if (sentAtMs.length <= failures) throw error;
    return "answer";
  };
  return { sentAtMs, send };
}

function observe<T>(promise: Promise<T>) {
  const state: { outcome?: PromiseSettledResult<T>; atMs?: number } = {};
  void Promise.allSettled([promise]).then(([outcome]) => {
    state.outcome = outcome;
    state.atMs = performance.now();
  });
  return state;
}

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
    const calls = Array.from({ length: 21 }, () =>
      observe(caller.call(() => elapse(20), { tickets: [new CallTicket(live())] })),
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

function toDenied(denies: DeniedScope, isRetryable = false) {
  return new ProviderError("PROVIDER_DENIED", { origin, message: "denied", denies, isRetryable });
}

/** Two kinds of calls on one connection, in front of a cloud that refuses as told. */
function createDenying() {
  const keyDenial = new Denial();
  const state = { error: undefined as ProviderError | undefined };
  const sent: string[] = [];
  const toAsk = (name: string) => {
    const { caller } = createSetup({ callsPerSecond: 100, keyDenial });
    const send = async () => {
      sent.push(name);
      await elapse(20);
      if (state.error !== undefined) throw state.error;
      return "answer";
    };
    return () => observe(caller.call(send, { tickets: [new CallTicket(live())] }));
  };
  return { state, sent, ask: toAsk("one"), askOther: toAsk("other") };
}

describe("a connection whose key is refused", () => {
  it("makes one call in ten seconds, over all its actions, and tells the others at once", async () => {
    const { state, sent, ask, askOther } = createDenying();
    state.error = toDenied("connection");
    ask();
    await passMs(30);
    const start = performance.now();
    while (performance.now() - start < 31_000) {
      const [one, other] = [ask(), askOther()];
      await settlePromises();
      if (one.outcome !== undefined) expect(one.outcome).toMatchObject({ reason: state.error });
      if (other.outcome !== undefined) expect(other.outcome).toMatchObject({ reason: state.error });
      await passMs(100);
    }
    expect(sent).toHaveLength(4);
  });

  it("works again with the first call that is not refused", async () => {
    const { state, sent, ask, askOther } = createDenying();
    state.error = toDenied("connection");
    ask();
    await passMs(10_100);
    state.error = undefined;
    const first = ask();
    await passMs(30);
    expect(first.outcome).toEqual({ status: "fulfilled", value: "answer" });
    const next = [ask(), ask(), askOther()];
    await passMs(30);
    expect(next.map(({ outcome }) => outcome?.status)).toEqual(next.map(() => "fulfilled"));
    expect(sent).toHaveLength(5);
  });

  it("is asked again at once when there is another key, by one call, and the others wait for what that tells", async () => {
    const { state, sent, ask } = createDenying();
    state.error = toDenied("connection", true);
    const calls = Array.from({ length: 10 }, ask);
    await passMs(25);
    expect(sent).toHaveLength(11);
    state.error = undefined;
    await passMs(10);
    expect(sent).toHaveLength(11);
    await passMs(50);
    expect(calls.map(({ outcome }) => outcome?.status)).toEqual(calls.map(() => "fulfilled"));
    expect(sent).toHaveLength(20);
  });

  it("is not stormed when the other key is refused as well", async () => {
    const { state, sent, ask } = createDenying();
    state.error = toDenied("connection", true);
    const calls = Array.from({ length: 10 }, ask);
    await passMs(15);
    state.error = toDenied("connection", true);
    await passMs(10);
    state.error = toDenied("connection");
    await passMs(5_000);
    expect(sent).toHaveLength(11);
    expect(calls.map(({ outcome }) => outcome?.status)).toEqual(calls.map(() => "rejected"));
  });
});

describe("a connection that lacks the permission for an action", () => {
  it("makes no more than one call of it in ten seconds, and all of the others", async () => {
    const { state, sent, ask, askOther } = createDenying();
    state.error = toDenied("action");
    ask();
    await passMs(30);
    for (let n = 0; n < 95; n += 1) {
      state.error = toDenied("action");
      ask();
      await passMs(60);
      state.error = undefined;
      askOther();
      await passMs(40);
    }
    expect(sent.filter((name) => name === "one")).toHaveLength(1);
    expect(sent.filter((name) => name === "other")).toHaveLength(95);
  });

  it("is not taken to lack it for a single refusal among answers: that may be about what was asked for", async () => {
    const { state, sent, ask } = createDenying();
    for (let n = 0; n < 20; n += 1) {
      state.error = n % 3 > 0 ? toDenied("action") : undefined;
      ask();
      await passMs(50);
    }
    expect(sent).toHaveLength(20);
  });

  it("is not taken to lack it when the refusal is about one certificate", async () => {
    const { state, sent, ask } = createDenying();
    state.error = toDenied("certificate");
    for (let n = 0; n < 20; n += 1) {
      ask();
      await passMs(50);
    }
    expect(sent).toHaveLength(20);
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

async function passAndRead<T>(promise: Promise<T>, ms: number) {
  const state = observe(promise);
  await passMs(ms);
  return state;
}

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DeniedScope, ProviderError } from "../../src/errors.ts";
import { Denial } from "../../src/providers/denial.ts";
import { CallTicket } from "../../src/quota/quota.ts";
import { elapse, passMs, settlePromises, useFakeClock } from "../quota/simulated-cloud.ts";
import { createSetup, live, observe, origin } from "./caller-setup.ts";

beforeEach(useFakeClock);
afterEach(() => vi.useRealTimers());

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

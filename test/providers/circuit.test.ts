import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Circuit } from "../../src/providers/circuit.ts";
import { settlePromises } from "../quota/simulated-cloud.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
});
afterEach(() => vi.useRealTimers());

/** Longer than any answer is waited for before the cloud is held for hung. */
const OVERDUE_MS = 1_600;

function createOpenCircuit(): Circuit {
  const circuit = new Circuit();
  for (let n = 0; n < 5; n += 1) fail(circuit);
  return circuit;
}

function fail(circuit: Circuit): void {
  circuit.begin().failed();
}

function answerAfter(circuit: Circuit, ms: number): void {
  const call = circuit.begin();
  vi.advanceTimersByTime(ms);
  call.succeeded();
}

describe("a circuit", () => {
  it("is closed at first, and stays so while failures do not follow one another", () => {
    const circuit = new Circuit();
    for (let n = 0; n < 20; n += 1) {
      fail(circuit);
      if (n % 4 === 3) circuit.begin().succeeded();
    }
    expect(circuit.state).toBe("CLOSED");
    expect(circuit.msUntilAllowed).toBe(0);
  });

  it("opens after five failures in a row, for a second", () => {
    const circuit = createOpenCircuit();
    expect(circuit.state).toBe("OPEN");
    expect(circuit.msUntilAllowed).toBe(1_000);
    vi.advanceTimersByTime(600);
    expect(circuit.msUntilAllowed).toBe(400);
    vi.advanceTimersByTime(400);
    expect(circuit.msUntilAllowed).toBe(0);
  });

  it("lets one call through, and no other while that is on its way", () => {
    const circuit = createOpenCircuit();
    vi.advanceTimersByTime(1_000);
    expect(circuit.begin().isProbe).toBe(true);
    expect(circuit.state).toBe("HALF_OPEN");
    expect(circuit.msUntilAllowed).toBeGreaterThan(0);
    vi.advanceTimersByTime(1_100);
    expect(circuit.msUntilAllowed).toBeGreaterThan(0);
  });

  it("closes when that call succeeds, and is open for another second when it fails", () => {
    const circuit = createOpenCircuit();
    vi.advanceTimersByTime(1_000);
    fail(circuit);
    expect(circuit.state).toBe("OPEN");
    expect(circuit.msUntilAllowed).toBe(1_000);
    vi.advanceTimersByTime(1_000);
    circuit.begin().succeeded();
    expect(circuit.state).toBe("CLOSED");
    fail(circuit);
    expect(circuit.state).toBe("CLOSED");
  });

  it("tells those who wait when the probe has told something, whatever it was", async () => {
    const circuit = createOpenCircuit();
    for (const outcome of ["succeeded", "failed", "overdue"] as const) {
      while (circuit.state === "CLOSED") fail(circuit);
      vi.advanceTimersByTime(1_000);
      expect(circuit.probeEnd).toBeUndefined();
      const probe = circuit.begin();
      let isTold = false;
      void circuit.probeEnd?.then(() => {
        isTold = true;
      });
      await settlePromises();
      expect(isTold).toBe(false);
      if (outcome === "overdue") vi.advanceTimersByTime(2 * OVERDUE_MS);
      else probe[outcome]();
      await settlePromises();
      expect(isTold).toBe(true);
      expect(circuit.state).toBe(outcome === "succeeded" ? "CLOSED" : "OPEN");
    }
  });

  it("does not put the next probe off for calls from before that fail only now", () => {
    const circuit = new Circuit();
    const old = [circuit.begin(), circuit.begin()];
    for (let n = 0; n < 5; n += 1) fail(circuit);
    vi.advanceTimersByTime(900);
    for (const call of old) call.failed();
    expect(circuit.msUntilAllowed).toBe(100);
    vi.advanceTimersByTime(100);
    const late = circuit.begin();
    expect(circuit.state).toBe("HALF_OPEN");
    late.failed();
    expect(circuit.state).toBe("OPEN");
  });

  it("forgets old failures: after a quiet time all calls go, and several must fail again to open it", () => {
    const circuit = createOpenCircuit();
    vi.advanceTimersByTime(9_999);
    expect(circuit.state).toBe("OPEN");
    vi.advanceTimersByTime(1);
    expect(circuit.state).toBe("CLOSED");
    for (let n = 0; n < 4; n += 1) fail(circuit);
    expect(circuit.state).toBe("CLOSED");
    fail(circuit);
    expect(circuit.state).toBe("OPEN");
  });
});

describe("a cloud that hangs", () => {
  it("is noticed within two seconds, however long a call may take", () => {
    const circuit = new Circuit();
    answerAfter(circuit, 60);
    circuit.begin();
    expect(circuit.state).toBe("CLOSED");
    vi.advanceTimersByTime(OVERDUE_MS);
    expect(circuit.state).toBe("OPEN");
  });

  it("may be asked again at once: the one call may have been alone in hanging", () => {
    const circuit = new Circuit();
    circuit.begin();
    vi.advanceTimersByTime(OVERDUE_MS);
    expect(circuit.msUntilAllowed).toBe(0);
    circuit.begin().succeeded();
    expect(circuit.state).toBe("CLOSED");
  });

  it("is not one that answers other calls", () => {
    const circuit = new Circuit();
    circuit.begin();
    for (let n = 0; n < 40; n += 1) answerAfter(circuit, 50);
    expect(circuit.state).toBe("CLOSED");
  });

  it("is back with the first answer, also with that of a call that was given up for lost", () => {
    const circuit = new Circuit();
    const call = circuit.begin();
    vi.advanceTimersByTime(5_000);
    expect(circuit.state).toBe("OPEN");
    call.succeeded();
    expect(circuit.state).toBe("CLOSED");
  });

  it("is told from one that is slow, once that is known", () => {
    const circuit = new Circuit();
    answerAfter(circuit, 3_000);
    const call = circuit.begin();
    vi.advanceTimersByTime(8_000);
    expect(circuit.state).toBe("CLOSED");
    call.succeeded();
    // Quick answers make it impatient again.
    for (let n = 0; n < 100; n += 1) answerAfter(circuit, 10);
    circuit.begin();
    vi.advanceTimersByTime(OVERDUE_MS);
    expect(circuit.state).toBe("OPEN");
  });

  it("is not seen in a process that was busy itself", () => {
    const circuit = new Circuit();
    const call = circuit.begin();
    const now = performance.now();
    // The event loop stands still: the timer comes two seconds late, before the answers that came meanwhile.
    vi.spyOn(performance, "now").mockImplementation(() => now + 3_600);
    vi.advanceTimersByTime(OVERDUE_MS);
    vi.mocked(performance.now).mockRestore();
    expect(circuit.state).toBe("CLOSED");
    call.succeeded();
  });

  it("gives up the call that is overdue longest when its place is needed, one a second", () => {
    const circuit = new Circuit();
    const givenUp: string[] = [];
    for (const name of ["first", "second"]) circuit.begin(() => givenUp.push(name));
    circuit.giveUpOverdue();
    expect(givenUp).toEqual([]);
    vi.advanceTimersByTime(OVERDUE_MS);
    circuit.giveUpOverdue();
    circuit.giveUpOverdue();
    expect(givenUp).toEqual(["first"]);
  });

  it("loses what was overdue when a later call is answered before it, and nothing that is merely slow", () => {
    const circuit = new Circuit();
    const givenUp: string[] = [];
    circuit.begin(() => givenUp.push("lost"));
    vi.advanceTimersByTime(OVERDUE_MS);
    const probe = circuit.begin();
    circuit.begin(() => givenUp.push("later"));
    probe.succeeded();
    expect(givenUp).toEqual(["lost"]);

    const slow = new Circuit();
    const first = slow.begin();
    slow.begin(() => givenUp.push("slow"));
    vi.advanceTimersByTime(OVERDUE_MS);
    first.succeeded();
    expect(givenUp).toEqual(["lost"]);
  });

  it("leaves no timer when all its calls have ended", () => {
    const circuit = new Circuit();
    const calls = [circuit.begin(), circuit.begin()];
    vi.advanceTimersByTime(500);
    for (const call of calls) call.failed();
    expect(vi.getTimerCount()).toBe(0);
  });
});

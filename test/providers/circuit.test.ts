import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Circuit } from "../../src/providers/circuit.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => vi.useRealTimers());

function createOpenCircuit(): Circuit {
  const circuit = new Circuit();
  for (let n = 0; n < 5; n += 1) fail(circuit);
  return circuit;
}

function fail(circuit: Circuit): void {
  circuit.begin();
  circuit.failed();
}

describe("a circuit", () => {
  it("is closed at first, and stays so while failures do not follow one another", () => {
    const circuit = new Circuit();
    for (let n = 0; n < 20; n += 1) {
      fail(circuit);
      if (n % 4 === 3) circuit.succeeded();
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
    circuit.begin();
    expect(circuit.state).toBe("HALF_OPEN");
    expect(circuit.msUntilAllowed).toBeGreaterThan(0);
    vi.advanceTimersByTime(5_000);
    expect(circuit.msUntilAllowed).toBeGreaterThan(0);
  });

  it("closes when that call succeeds, and is open for another second when it fails", () => {
    const circuit = createOpenCircuit();
    vi.advanceTimersByTime(1_000);
    fail(circuit);
    expect(circuit.state).toBe("OPEN");
    expect(circuit.msUntilAllowed).toBe(1_000);
    vi.advanceTimersByTime(1_000);
    circuit.begin();
    circuit.succeeded();
    expect(circuit.state).toBe("CLOSED");
    fail(circuit);
    expect(circuit.state).toBe("CLOSED");
  });

  it("is not confused by a call from before that fails while another finds out", () => {
    const circuit = createOpenCircuit();
    vi.advanceTimersByTime(1_000);
    circuit.begin();
    circuit.failed();
    circuit.failed();
    expect(circuit.state).toBe("OPEN");
    expect(circuit.msUntilAllowed).toBe(1_000);
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

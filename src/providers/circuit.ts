// Stops calling a cloud that fails, and finds out when it is back.

/** In the words of the GraphQL field `ProviderQuota.circuit`. */
export type CircuitState = "CLOSED" | "OPEN" | "HALF_OPEN";

const FAILURES_TO_OPEN = 5;
const PROBE_EVERY_MS = 1_000;
/** After so long without a call nobody knows how the cloud is: old failures say nothing of it. */
const FORGET_AFTER_MS = 10_000;

/** Opens after several failures in a row; then one call a second may find out whether the cloud is back. */
export class Circuit {
  #failuresInRow = 0;
  #probedAtMs: number | undefined;
  #isProbing = false;

  get state(): CircuitState {
    if (this.#failuresInRow < FAILURES_TO_OPEN) return "CLOSED";
    if (this.#isProbing) return "HALF_OPEN";
    return this.#msSinceProbe < FORGET_AFTER_MS ? "OPEN" : "CLOSED";
  }

  /** When a call may be made: 0 for now. */
  get msUntilAllowed(): number {
    if (this.state === "CLOSED") return 0;
    if (this.#isProbing) return PROBE_EVERY_MS;
    return Math.max(0, PROBE_EVERY_MS - this.#msSinceProbe);
  }

  /** A call is made; while the circuit is open it is the probe. */
  begin(): void {
    if (this.state === "CLOSED") return;
    this.#probedAtMs = performance.now();
    this.#isProbing = true;
  }

  /** The cloud gave an answer, if only a refusal. */
  succeeded(): void {
    this.#failuresInRow = 0;
    this.#isProbing = false;
  }

  /** The network or the cloud failed. */
  failed(): void {
    if (this.#msSinceProbe >= FORGET_AFTER_MS) this.#failuresInRow = 0;
    this.#failuresInRow += 1;
    this.#isProbing = false;
    this.#probedAtMs = performance.now();
  }

  /** Since the last probe, or the last failure. */
  get #msSinceProbe(): number {
    return performance.now() - (this.#probedAtMs ?? Number.NEGATIVE_INFINITY);
  }
}

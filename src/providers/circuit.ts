// Stops calling a cloud that fails or hangs, and finds out when it is back.

/** In the words of the GraphQL field `ProviderQuota.circuit`. */
export type CircuitState = "CLOSED" | "OPEN" | "HALF_OPEN";

/** One call on its way; exactly one of the two is to be called at its end. */
export interface CircuitCall {
  /** Whether it finds out how the cloud is, while no other call is made. */
  readonly isProbe: boolean;
  /** The cloud gave an answer, if only a refusal. */
  succeeded(): void;
  /** The network or the cloud failed. */
  failed(): void;
}

interface CallUnderWay {
  readonly startedAtMs: number;
  readonly giveUp: () => void;
  /** Whether it takes so long that it counts as failed, though its answer may come yet. */
  isOverdue: boolean;
}

const FAILURES_TO_OPEN = 5;
const PROBE_EVERY_MS = 1_000;
/** After so long without a sign of the cloud nobody knows how it is: old failures say nothing of it. */
const FORGET_AFTER_MS = 10_000;
/** An answer that takes so many times as long as it lately took is not waited for before the cloud is held for hung. */
const PATIENCE_FACTOR = 3;
const MIN_PATIENCE_MS = 1_500;
const MAX_PATIENCE_MS = 10_000;
/** A probe may take so many times as long: when it is overdue, those who wait for it are refused. */
const PROBE_PATIENCE = 1.6;
/** The probe of a cloud that has never answered: it may be one that always takes seconds. */
const FIRST_PROBE_PATIENCE_MS = 3_500;
/** A timer that is later than this tells that the process was busy: answers may have come that nobody has read yet. */
const LATE_MS = 100;
/** How fast a slow answer is forgotten: the part that each faster one takes away. */
const FORGET_SLOW_SHARE = 0.05;

/**
 * Opens after several failures in a row, or when a call is overdue and nothing else is answered; then one call a second
 * may find out whether the cloud is back. A cloud that hangs must be noticed long before the time limit of a call.
 */
export class Circuit {
  readonly #underWay = new Set<CallUnderWay>();
  #failuresInRow = 0;
  #isOpen = false;
  #probe: CallUnderWay | undefined;
  #probeEnd = Promise.withResolvers<void>();
  #nextProbeAtMs = Number.NEGATIVE_INFINITY;
  /** The last failure or probe. */
  #troubledAtMs = Number.NEGATIVE_INFINITY;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #gaveUpAtMs = Number.NEGATIVE_INFINITY;
  /** How long answers take, the slow ones of late above all. */
  #usualMs = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #hangListeners: (() => void)[] = [];

  /** Calls back whenever it opens because a call is overdue. */
  onHang(listener: () => void): void {
    this.#hangListeners.push(listener);
  }

  get state(): CircuitState {
    if (!this.#isOpen) return "CLOSED";
    if (this.#probe !== undefined) return "HALF_OPEN";
    return performance.now() - this.#troubledAtMs < FORGET_AFTER_MS ? "OPEN" : "CLOSED";
  }

  /** When a call may be made: 0 for now. While a probe is under way, its end is worth waiting for. */
  get msUntilAllowed(): number {
    if (this.state === "CLOSED") return 0;
    if (this.#probe !== undefined) return PROBE_EVERY_MS;
    return Math.max(0, this.#nextProbeAtMs - performance.now());
  }

  /** When the probe that is under way will have told something; `undefined` when there is none. Never rejects. */
  get probeEnd(): Promise<void> | undefined {
    return this.state === "HALF_OPEN" ? this.#probeEnd.promise : undefined;
  }

  /** A call is made; while the circuit is open it is the probe. `giveUp` must end it soon. */
  begin(giveUp: () => void = () => {}): CircuitCall {
    const startedAtMs = performance.now();
    const { state } = this;
    const isProbe = state === "OPEN";
    if (state === "CLOSED" && this.#isOpen) this.#close();
    const call: CallUnderWay = { startedAtMs, giveUp, isOverdue: false };
    this.#underWay.add(call);
    if (isProbe) {
      this.#probe = call;
      this.#probeEnd = Promise.withResolvers();
      this.#troubledAtMs = startedAtMs;
    }
    this.#watch();
    return {
      isProbe,
      succeeded: () => this.#succeeded(call),
      failed: () => this.#failed(call),
    };
  }

  /**
   * Ends the call that is overdue longest, at most one a second: its slot of the quota is needed for a probe. A cloud
   * that hangs would hold all slots until the time limit of its calls, and nobody could find out that it is back.
   */
  giveUpOverdue(): void {
    const now = performance.now();
    if (now - this.#gaveUpAtMs < PROBE_EVERY_MS) return;
    for (const call of this.#underWay) {
      if (!call.isOverdue) continue;
      this.#gaveUpAtMs = now;
      call.giveUp();
      return;
    }
  }

  #succeeded(call: CallUnderWay): void {
    const now = performance.now();
    const tookMs = now - call.startedAtMs;
    this.#usualMs = Math.max(tookMs, this.#usualMs * (1 - FORGET_SLOW_SHARE));
    this.#answeredAtMs = now;
    this.#end(call);
    if (call === this.#probe) this.#giveUpOvertaken(call);
    this.#close();
  }

  /** What was sent before and is overdue got lost in the hang: it would hold its slot until its time limit. */
  #giveUpOvertaken(probe: CallUnderWay): void {
    for (const call of [...this.#underWay]) {
      if (call.isOverdue && call.startedAtMs < probe.startedAtMs) call.giveUp();
    }
  }

  #failed(call: CallUnderWay): void {
    const now = performance.now();
    const isProbe = call === this.#probe;
    this.#end(call);
    // That it is overdue was counted already, and the cloud may be back since.
    if (call.isOverdue) return;
    if (this.#isOpen) {
      // What was sent before it opened says nothing new, and must not put the next probe off.
      if (isProbe) this.#probeFailed();
      return;
    }
    if (now - this.#troubledAtMs >= FORGET_AFTER_MS) this.#failuresInRow = 0;
    this.#failuresInRow += 1;
    this.#troubledAtMs = now;
    if (this.#failuresInRow >= FAILURES_TO_OPEN) this.#open(now + PROBE_EVERY_MS);
  }

  #open(nextProbeAtMs: number): void {
    this.#isOpen = true;
    this.#troubledAtMs = performance.now();
    this.#nextProbeAtMs = nextProbeAtMs;
  }

  #close(): void {
    this.#isOpen = false;
    this.#failuresInRow = 0;
    this.#endProbe();
  }

  /** A second of rest: who waited for it is refused, and does not become the next probe. */
  #probeFailed(): void {
    this.#nextProbeAtMs = performance.now() + PROBE_EVERY_MS;
    this.#endProbe();
  }

  #endProbe(): void {
    this.#probe = undefined;
    this.#probeEnd.resolve();
  }

  #end(call: CallUnderWay): void {
    this.#underWay.delete(call);
    if (this.#underWay.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #toPatienceMs(call: CallUnderWay): number {
    const hasAnswered = this.#answeredAtMs > Number.NEGATIVE_INFINITY;
    if (call === this.#probe && !hasAnswered) return FIRST_PROBE_PATIENCE_MS;
    const patienceMs = Math.max(MIN_PATIENCE_MS, this.#usualMs * PATIENCE_FACTOR);
    return Math.min(patienceMs * (call === this.#probe ? PROBE_PATIENCE : 1), MAX_PATIENCE_MS);
  }

  /** Looks again when the oldest call that is not overdue yet will be. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    let atMs = Number.POSITIVE_INFINITY;
    for (const call of this.#underWay) {
      if (!call.isOverdue) atMs = Math.min(atMs, call.startedAtMs + this.#toPatienceMs(call));
    }
    if (atMs < Number.POSITIVE_INFINITY) this.#lookAt(Math.max(performance.now() + 1, atMs));
  }

  #lookAt(atMs: number): void {
    const look = () => {
      this.#timer = undefined;
      const lateMs = performance.now() - atMs;
      if (lateMs > LATE_MS) {
        this.#lookAt(performance.now() + Math.min(lateMs, MIN_PATIENCE_MS));
        return;
      }
      this.#judgeOverdue();
      this.#watch();
    };
    this.#timer = setTimeout(look, atMs - performance.now()).unref();
  }

  #judgeOverdue(): void {
    const now = performance.now();
    for (const call of this.#underWay) {
      const patienceMs = this.#toPatienceMs(call);
      if (call.isOverdue || now - call.startedAtMs < patienceMs) continue;
      call.isOverdue = true;
      if (call === this.#probe) {
        this.#probeFailed();
      } else if (!this.#isOpen && now - this.#answeredAtMs >= patienceMs) {
        // It may be alone in hanging: the next one finds out at once, and the others wait for it.
        this.#open(now);
        for (const listener of this.#hangListeners) listener();
      }
    }
  }
}

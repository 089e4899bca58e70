// One call to a cloud from outside: it waits for the quota, and is made again where the vendor's table says so.
import { type CallOrigin, ProviderError } from "../errors.ts";
import {
  type CallTicket,
  NotNeededError,
  QueueFullError,
  type QueuePlace,
  type Quota,
} from "../quota/quota.ts";
import type { Circuit, CircuitCall } from "./circuit.ts";
import { Denial } from "./denial.ts";
import { RetryBudget } from "./retry-budget.ts";

/** Whom a call is for, and whether it is still needed when its turn comes. */
export interface CallPurpose {
  /** Read anew for each attempt. */
  readonly tickets: readonly CallTicket[];
  /** By default as long as one of the tickets is wanted. */
  readonly isNeeded?: () => boolean;
}

/** Makes calls of one kind. */
export interface CloudCaller {
  /**
   * Within the quota, and again after failures that may pass. Rejects with `NotNeededError` when it was not made.
   * `send` gets a signal that is aborted when its answer is not waited for any longer.
   */
  call<T>(send: (signal: AbortSignal) => Promise<T>, purpose: CallPurpose): Promise<T>;
  /** What a call that comes now would wait for the quota, in milliseconds. */
  readonly estimatedWaitMs: number;
  /** Whether a call that comes now would be refused, or had to find out whether the cloud is back. */
  readonly isFailing: boolean;
}

export interface CallerOptions {
  readonly quota: Quota;
  readonly circuit: Circuit;
  /** What is known of the connection's key, over all its actions. By default it is not shared. */
  readonly keyDenial?: Denial;
  readonly origin: CallOrigin;
  /** How long after its first attempt a call may be made again, in milliseconds. */
  readonly retryWithinMs: number;
  /** Told of every attempt that was sent, and whether it brought what was asked for. */
  readonly onAttempt?: (outcome: AttemptOutcome, isSuccess: boolean) => void;
  readonly random?: () => number;
}

export type AttemptOutcome = "answered" | "throttled" | "failed";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2_000;
const MAX_ATTEMPTS = 6;
/** A refused key, or a wrong time: what is mended is tried once, and a second mend after it. */
const MAX_MENDED = 2;
const MIN_RETRIES = 10;
/** The part of a second's calls that may be repetitions which have not succeeded yet. */
const RETRIES_OF_QUOTA = 0.1;
/** A call that only finds out how the cloud is has no longer than this: it must not outlive its question for long. */
const PROBE_WITHIN_MS = 4_000;

export function createCaller(options: CallerOptions): CloudCaller {
  return new Caller(options);
}

class Caller implements CloudCaller {
  readonly #quota: Quota;
  readonly #circuit: Circuit;
  readonly #keyDenial: Denial;
  readonly #actionDenial = new Denial();
  readonly #budget: RetryBudget;
  readonly #origin: CallOrigin;
  readonly #retryWithinMs: number;
  readonly #onAttempt: CallerOptions["onAttempt"];
  readonly #random: () => number;

  constructor({
    quota,
    circuit,
    keyDenial = new Denial(),
    origin,
    retryWithinMs,
    onAttempt,
    random = Math.random,
  }: CallerOptions) {
    this.#quota = quota;
    this.#circuit = circuit;
    this.#keyDenial = keyDenial;
    const { callsPerSecond } = quota.use();
    this.#budget = new RetryBudget(Math.max(MIN_RETRIES, callsPerSecond * RETRIES_OF_QUOTA));
    this.#origin = origin;
    this.#retryWithinMs = retryWithinMs;
    this.#onAttempt = onAttempt;
    this.#random = random;
    circuit.onHang(() => this.#makeRoomForProbe());
  }

  get estimatedWaitMs(): number {
    return this.#quota.use().estimatedWaitMs;
  }

  get isFailing(): boolean {
    return this.#circuit.state !== "CLOSED" || this.#refusal !== undefined;
  }

  async call<T>(send: (signal: AbortSignal) => Promise<T>, purpose: CallPurpose): Promise<T> {
    const retrying = new Retrying(this.#budget, this.#retryWithinMs, this.#random);
    // Once sent, a call is finished: others may count on what it was made for.
    const isNeeded = () => retrying.hasBegun || isWanted(purpose);
    for (;;) {
      // Before it waits for the quota, so that what the caller has in reserve can be told at once.
      const isAllowedAfter = this.#awaitAllowed(retrying.lastError);
      // Only then: who asks must be able to see where the call waits as soon as it was made.
      if (isAllowedAfter !== undefined) await isAllowedAfter;
      try {
        const answer = await this.#quota.run({
          tickets: purpose.tickets,
          isRetry: retrying.hasBegun,
          // What waits for a cloud that fails is told so at once, and takes no slot.
          isNeeded: () => this.#isAllowed && isNeeded(),
          send: () => this.#sendObserved(send, retrying),
        });
        retrying.succeeded();
        return answer;
      } catch (error) {
        if (error instanceof QueueFullError) throw toThrottled(error, this.#origin);
        if (error instanceof NotNeededError) {
          if (!isNeeded()) throw error;
          // The road was closed while it waited: it may wait for a probe, or is refused above.
          continue;
        }
        const outcome = toOutcome(error);
        // A repetition is no probe: who asks next finds out whether the cloud is back. What was given up to make room
        // for that did not fail: it waits for what is found out.
        const isOpen = this.#circuit.state !== "CLOSED";
        if (isOpen && outcome === "failed" && !retrying.isGivenUp) throw error;
        const delayMs = retrying.toDelayMs(error);
        if (delayMs === undefined) throw error;
        if (outcome !== "answered") for (const ticket of purpose.tickets) ticket.failed(error);
        if (delayMs > 0) await backOff(delayMs, outcome === "throttled" ? purpose.tickets : []);
      }
    }
  }

  get #isAllowed(): boolean {
    return (
      this.#refusal === undefined &&
      this.#keyDenial.trialEnd === undefined &&
      this.#circuit.msUntilAllowed === 0
    );
  }

  get #refusal(): ProviderError | undefined {
    return this.#keyDenial.error ?? this.#actionDenial.error;
  }

  /** Throws when no call should be made now; while a probe is under way, waits for what it tells. */
  #awaitAllowed(lastError: unknown): Promise<void> | undefined {
    if (this.#refusal !== undefined) throw this.#refusal;
    const { probeEnd, msUntilAllowed } = this.#circuit;
    const news = this.#keyDenial.trialEnd ?? probeEnd;
    if (news !== undefined) return news.then(() => this.#awaitAllowed(lastError));
    if (this.#circuit.state === "CLOSED") return undefined;
    if (msUntilAllowed > 0) {
      throw lastError instanceof ProviderError ? lastError : this.#toCircuitOpen(msUntilAllowed);
    }
    this.#makeRoomForProbe();
    return undefined;
  }

  #makeRoomForProbe(): void {
    if (this.#quota.use().estimatedWaitMs > 0) this.#circuit.giveUpOverdue();
  }

  async #sendObserved<T>(
    send: (signal: AbortSignal) => Promise<T>,
    retrying: Retrying,
  ): Promise<T> {
    const giveUp = new AbortController();
    const trial = this.#keyDenial.begin();
    this.#actionDenial.begin();
    const call = this.#circuit.begin(() => {
      if (!isProbe) retrying.givenUp();
      giveUp.abort();
    });
    const isProbe = call.isProbe || trial.isTrial;
    retrying.begin();
    const timer = isProbe ? setTimeout(() => giveUp.abort(), PROBE_WITHIN_MS) : undefined;
    const sentAtMs = performance.now();
    try {
      const answer = await send(giveUp.signal);
      call.succeeded();
      this.#accepted(sentAtMs);
      this.#onAttempt?.("answered", true);
      return answer;
    } catch (error) {
      this.#learn(error, call, sentAtMs);
      throw error;
    } finally {
      clearTimeout(timer);
      trial.ended();
    }
  }

  #learn(error: unknown, call: CircuitCall, sentAtMs: number): void {
    const outcome = toOutcome(error);
    if (outcome === "failed") call.failed();
    else call.succeeded();
    if (error instanceof ProviderError && error.code === "PROVIDER_DENIED") {
      this.#learnDenial(error, sentAtMs);
    } else if (outcome === "throttled" && error instanceof ProviderError) {
      this.#quota.slowDown(sentAtMs, error.pauseMs);
    } else if (outcome === "answered") {
      this.#accepted(sentAtMs);
    }
    this.#onAttempt?.(outcome, false);
  }

  #learnDenial(error: ProviderError, sentAtMs: number): void {
    // Another key, or another time, may be accepted: that is tried at once, by one call for all.
    if (error.isRetryable) {
      this.#keyDenial.mended();
      return;
    }
    switch (error.denies) {
      case "connection":
        this.#keyDenial.refused(error, true);
        break;
      case "action":
        this.#keyDenial.accepted(sentAtMs);
        this.#actionDenial.refused(error, false);
        break;
      default:
        // About this one certificate: what is known of the others stays as it is.
        this.#keyDenial.accepted(sentAtMs);
    }
  }

  #accepted(sentAtMs: number): void {
    this.#keyDenial.accepted(sentAtMs);
    this.#actionDenial.accepted(sentAtMs);
  }

  #toCircuitOpen(retryAfterMs: number): ProviderError {
    return new ProviderError("PROVIDER_UNAVAILABLE", {
      origin: this.#origin,
      message: "The cloud keeps failing; it is asked again in a moment.",
      retryAfterMs,
    });
  }
}

/** The attempts of one call. */
class Retrying {
  readonly #budget: RetryBudget;
  readonly #withinMs: number;
  readonly #random: () => number;
  #firstSentAtMs: number | undefined;
  #attempts = 0;
  #borrowed = 0;
  #mended = 0;
  lastError: unknown;
  /** Whether the last attempt was ended by us, for the sake of another call. */
  isGivenUp = false;

  constructor(budget: RetryBudget, withinMs: number, random: () => number) {
    this.#budget = budget;
    this.#withinMs = withinMs;
    this.#random = random;
  }

  get hasBegun(): boolean {
    return this.#firstSentAtMs !== undefined;
  }

  begin(): void {
    this.#firstSentAtMs ??= performance.now();
    this.#attempts += 1;
    this.isGivenUp = false;
  }

  givenUp(): void {
    this.isGivenUp = true;
  }

  succeeded(): void {
    this.#budget.succeeded(this.#borrowed);
  }

  /** How long to wait before the next attempt; `undefined` when there should be none. */
  toDelayMs(error: unknown): number | undefined {
    this.lastError = error;
    if (!(error instanceof ProviderError) || !error.isRetryable) return undefined;
    if (error.code === "PROVIDER_DENIED") {
      this.#mended += 1;
      return this.#mended <= MAX_MENDED ? 0 : undefined;
    }
    if (this.#attempts >= MAX_ATTEMPTS) return undefined;
    const delayMs = this.#toBackoffMs(error.retryAfterMs);
    const elapsedMs = performance.now() - (this.#firstSentAtMs ?? performance.now());
    if (elapsedMs + delayMs > this.#withinMs) return undefined;
    // How often a cloud that throttles is asked is for the quota to say, which slows down.
    if (error.code === "PROVIDER_THROTTLED") return delayMs;
    if (!this.#budget.borrow()) return undefined;
    this.#borrowed += 1;
    return delayMs;
  }

  #toBackoffMs(retryAfterMs = 0): number {
    const ceilingMs = Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (this.#attempts - 1));
    // Half of it at random, so that calls that failed together do not come back together.
    return Math.max(retryAfterMs, ceilingMs * (0.5 + this.#random() / 2));
  }
}

function isWanted({ tickets, isNeeded }: CallPurpose): boolean {
  if (isNeeded !== undefined) return isNeeded();
  return tickets.length === 0 || tickets.some((ticket) => ticket.isWanted);
}

/** Those whose tickets are given learn that they wait for the quota still. */
async function backOff(delayMs: number, tickets: readonly CallTicket[]): Promise<void> {
  const endsAtMs = performance.now() + delayMs;
  const place: QueuePlace = {
    // Whoever joins is a requester of the ticket, and so of the next attempt.
    join: () => {},
    estimateWaitMs: () => Math.max(0, endsAtMs - performance.now()),
  };
  for (const ticket of tickets) ticket.moveTo(place);
  await new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
  for (const ticket of tickets) ticket.leave(place);
}

function toOutcome(error: unknown): AttemptOutcome {
  if (!(error instanceof ProviderError) || error.isOfOneCertificate) return "answered";
  switch (error.code) {
    case "PROVIDER_THROTTLED":
      return "throttled";
    case "PROVIDER_DENIED":
      return "answered";
    default:
      return "failed";
  }
}

function toThrottled(error: QueueFullError, origin: CallOrigin): ProviderError {
  return new ProviderError("PROVIDER_THROTTLED", {
    origin,
    message: "Too many calls wait for this cloud's quota.",
    retryAfterMs: error.retryAfterMs,
    cause: error,
  });
}

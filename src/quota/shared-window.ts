// A limit that all replicas keep together: its slots are tokens in Redis, taken ahead of their time.
import { type CallWindow, type Slot, SUSTAINED_SHARE } from "./call-window.ts";
import { FORGET_MS, type Replicas, SILENT_MS } from "./replicas.ts";
import { RoundTrips } from "./round-trips.ts";
import { EXCHANGE } from "./shared-scripts.ts";
import { SlidingWindow, type SlidingWindowOptions } from "./sliding-window.ts";

/** A slot that this replica may use from this time on. */
interface Token {
  readonly name: string;
  readonly usableAtMs: number;
}

/** A slot that goes back. Without an age it was not used. */
interface Return {
  readonly name: string;
  readonly answeredAtMs: number | undefined;
  readonly creditMs: number;
}

/** How soon after an exchange the next one may be, for slots that go back; slots that are wanted wait no longer. */
const GIVE_BACK_EVERY_MS = 100;
/** How often to ask again for slots that were wanted and not granted. They rest for longer than this. */
const ASK_AGAIN_MS = 250;
const MAX_RETURNS = 500;

export class SharedWindow implements CallWindow {
  readonly callsPerSecond: number;
  readonly #replicas: Replicas;
  readonly #keys: readonly string[];
  readonly #slots: number;
  readonly #periodMs: number;
  readonly #roundTrips = new RoundTrips();
  readonly #sentAt: number[] = [];
  readonly #listeners: (() => void)[] = [];
  /** What this replica may send while it counts on its own. */
  #alone: SlidingWindow;
  /** Tokens to use, the earliest first. */
  #hand: Token[] = [];
  readonly #inFlight = new Set<string>();
  #returns: Return[] = [];
  #limit: number;
  #wanted = 0;
  #isUnmet = false;
  #pauseMs: number | undefined;
  #slowedDownAtMs = Number.NEGATIVE_INFINITY;
  #isExchanging = false;
  #mustReconcile = false;
  #exchangedAtMs = Number.NEGATIVE_INFINITY;
  #epoch: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(replicas: Replicas, key: string, { callsPerSecond }: SlidingWindowOptions) {
    this.callsPerSecond = callsPerSecond;
    this.#replicas = replicas;
    this.#slots = Math.max(1, Math.floor(callsPerSecond));
    this.#periodMs = callsPerSecond >= 1 ? 1000 : 1000 / callsPerSecond;
    this.#limit = this.#slots;
    this.#keys = [
      ...replicas.keys,
      ...["state", "pool", "held", "count", "total", "demand"].map((part) =>
        replicas.toKey(`${key}:${part}`),
      ),
    ];
    this.#alone = this.#createAlone();
    replicas.onChange(() => this.#followMode());
  }

  get limit(): number {
    if (this.#replicas.mode === "alone") return this.#alone.limit;
    return Math.max(1, Math.floor(this.#limit / this.#replicas.count));
  }

  get free(): number {
    if (this.#replicas.mode === "alone") return this.#alone.free;
    const now = performance.now();
    const firstResting = this.#hand.findIndex(({ usableAtMs }) => usableAtMs > now);
    return firstResting === -1 ? this.#hand.length : firstResting;
  }

  get msUntilNext(): number | undefined {
    if (this.#replicas.mode === "alone") return this.#alone.msUntilNext;
    const now = performance.now();
    const next = this.#hand.find(({ usableAtMs }) => usableAtMs > now);
    return next && next.usableAtMs - now;
  }

  /** The tokens of a burst come back one by one anyway. */
  get msUntilSpread(): number {
    return 0;
  }

  /** Of this replica alone. */
  get usedInLastSecond(): number {
    const now = performance.now();
    while ((this.#sentAt[0] ?? now) <= now - 1000) this.#sentAt.shift();
    return this.#sentAt.length;
  }

  estimateMsUntilSent(calls: number): number {
    if (this.#replicas.mode === "alone") return this.#alone.estimateMsUntilSent(calls);
    const last = this.#hand[calls - 1];
    if (last !== undefined) return Math.max(0, last.usableAtMs - performance.now());
    // The others' tokens may all have been sent a moment ago: a round that has begun counts whole.
    const rounds = Math.ceil((calls - this.#hand.length) / this.limit);
    return (rounds * this.#periodMs) / SUSTAINED_SHARE;
  }

  take(): Slot {
    const sentAtMs = performance.now();
    this.#sentAt.push(sentAtMs);
    if (this.#replicas.mode === "alone") return this.#alone.take();
    const token = this.#hand.shift();
    if (token === undefined) throw new Error("a slot was taken that is not there");
    this.#inFlight.add(token.name);
    const isUndisturbed = this.#roundTrips.isUndisturbed(this.#inFlight.size, this.#slots);
    return {
      answered: (hasAnswer) => {
        const answeredAtMs = performance.now();
        if (hasAnswer) this.#roundTrips.learn(answeredAtMs - sentAtMs, isUndisturbed);
        const creditMs = hasAnswer ? this.#roundTrips.creditMs : 0;
        // Of an epoch that is over: Redis does not know the token any more.
        if (!this.#inFlight.delete(token.name)) return;
        this.#returns.push({ name: token.name, answeredAtMs, creditMs });
        this.#schedule();
      },
    };
  }

  slowDown(sentAtMs: number, pauseMs = 0): void {
    if (this.#replicas.mode === "alone") this.#alone.slowDown(sentAtMs, pauseMs);
    // Calls that were under way when the last refusal came tell nothing new.
    if (sentAtMs < this.#slowedDownAtMs) return;
    this.#slowedDownAtMs = performance.now();
    this.#pauseMs = Math.max(this.#pauseMs ?? 0, pauseMs);
    this.#giveBackHand();
    this.#schedule();
  }

  want(calls: number): void {
    this.#wanted = Math.min(calls, this.#slots);
    if (calls === 0) this.#giveBackHand();
    this.#schedule();
  }

  onFreed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  get #missing(): number {
    return Math.max(0, this.#wanted - this.#hand.length);
  }

  #giveBackHand(): void {
    for (const { name } of this.#hand) {
      this.#returns.push({ name, answeredAtMs: undefined, creditMs: 0 });
    }
    this.#hand = [];
  }

  #schedule(): void {
    if (this.#isExchanging || this.#replicas.mode !== "together") return;
    const dueMs = this.#msUntilExchange();
    clearTimeout(this.#timer);
    if (dueMs === undefined) return;
    this.#timer = setTimeout(() => void this.#exchange(), Math.max(0, dueMs));
    this.#timer.unref();
  }

  #msUntilExchange(): number | undefined {
    const sinceMs = performance.now() - this.#exchangedAtMs;
    const isNewWish = this.#missing > 0 && !this.#isUnmet;
    if (isNewWish || this.#pauseMs !== undefined) return 0;
    if (this.#returns.length > 0) return GIVE_BACK_EVERY_MS - sinceMs;
    return this.#missing > 0 ? ASK_AGAIN_MS - sinceMs : undefined;
  }

  async #exchange(): Promise<void> {
    const { epoch, redis, id } = this.#replicas;
    if (epoch === undefined || this.#isExchanging) return;
    this.#isExchanging = true;
    this.#exchangedAtMs = performance.now();
    const returns = this.#returns.splice(0, MAX_RETURNS);
    const missing = this.#missing;
    const pauseMs = this.#pauseMs;
    this.#pauseMs = undefined;
    try {
      const answer = await redis.run(EXCHANGE, this.#keys, [
        ...[id, epoch, this.#slots, this.#periodMs, missing, pauseMs ?? -1, FORGET_MS, SILENT_MS],
        ...this.#toKnown(returns),
        ...returns.flatMap((one) => [one.name, toAgeMs(one)]),
      ]);
      this.#replicas.sawAnswer();
      this.#mustReconcile = false;
      if (epoch === this.#replicas.epoch) this.#accept(answer, missing);
    } catch {
      // Whether it was executed nobody knows: what goes back is told again, and what came is asked for.
      this.#mustReconcile = true;
      this.#returns.unshift(...returns);
      this.#replicas.sawFailure();
    } finally {
      this.#isExchanging = false;
      this.#schedule();
    }
  }

  #accept(answer: unknown, missing: number): void {
    if (!Array.isArray(answer) || answer.length === 0) {
      this.#replicas.lostEpoch();
      return;
    }
    const now = performance.now();
    const [limit, ...granted]: unknown[] = answer;
    this.#limit = Number(limit);
    for (let index = 0; index < granted.length; index += 2) {
      const usableAtMs = now + Number(granted[index + 1]);
      this.#hand.push({ name: String(granted[index]), usableAtMs });
    }
    this.#hand.sort((one, other) => one.usableAtMs - other.usableAtMs);
    this.#isUnmet = granted.length / 2 < missing;
    if (granted.length > 0) for (const listener of this.#listeners) listener();
  }

  /** The tokens that are known to be here, where Redis may know of others. */
  #toKnown(returns: readonly Return[]): (string | number)[] {
    if (!this.#mustReconcile) return [-1];
    const names = [
      ...[...this.#hand, ...returns, ...this.#returns].map(({ name }) => name),
      ...this.#inFlight,
    ];
    return [names.length, ...names];
  }

  #followMode(): void {
    clearTimeout(this.#timer);
    const { mode, epoch } = this.#replicas;
    if (mode === "alone") this.#alone = this.#createAlone();
    // What is in hand must not be used while nobody knows what others send.
    this.#giveBackHand();
    if (epoch !== undefined && epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#returns = [];
      this.#inFlight.clear();
    }
    this.#isUnmet = false;
    this.#schedule();
    for (const listener of this.#listeners) listener();
  }

  #createAlone(): SlidingWindow {
    return new SlidingWindow({ callsPerSecond: this.callsPerSecond / this.#replicas.count });
  }
}

/** Milliseconds since its answer, rounded down so that it rests rather longer; -1 for one that was not used. */
function toAgeMs({ answeredAtMs, creditMs }: Return): number {
  if (answeredAtMs === undefined) return -1;
  return Math.floor(performance.now() - answeredAtMs + creditMs);
}

// A limit that all replicas keep together: its slots are tokens in Redis, taken some time ahead.
import { type CallWindow, type Slot, SUSTAINED_SHARE } from "./call-window.ts";
import { type Exchange, NOTHING, type Return, readGranted, toTold } from "./exchange.ts";
import { EXCHANGE } from "./exchange-script.ts";
import { type CountingMode, type Replicas, SILENT_MS } from "./replicas.ts";
import { RoundTrips } from "./round-trips.ts";
import { SentCalls } from "./sent-calls.ts";
import { SlidingWindow, type SlidingWindowOptions, toPeriodMs, toSlots } from "./sliding-window.ts";

/** A slot that this replica may use from this time on. */
interface Token {
  readonly usableAtMs: number;
  /** Given for a requester that has had no turn yet. */
  readonly isForFirstTurn: boolean;
}

/** From this limit on slots are so many that they are taken and given back in larger lots, and further ahead. */
const MANY_SLOTS = 50;
/** How soon after an exchange the next one may be, for slots that go back; slots that are wanted wait no longer. */
const GIVE_BACK_EVERY_MS = { few: 400, many: 100 } as const;
/** How long before its time a slot may be taken: a late answer of Redis, or a busy process, must not cost slots. */
const AHEAD_MS = { few: 200, many: 400 } as const;
/** Wishes that come one after the other are told together. */
const GATHER_WISHES_MS = { few: 0, many: 20 } as const;
/** After an exchange that failed. */
const TRY_AGAIN_MS = 50;
const MAX_RETURNS = 500;

export class SharedWindow implements CallWindow {
  readonly callsPerSecond: number;
  readonly #replicas: Replicas;
  readonly #keys: readonly string[];
  readonly #slots: number;
  readonly #periodMs: number;
  readonly #amount: "few" | "many";
  readonly #roundTrips = new RoundTrips();
  readonly #sent = new SentCalls();
  readonly #listeners: (() => void)[] = [];
  /** What this replica may send while it counts on its own. */
  #alone: SlidingWindow;
  /** What that has left, to be told to Redis, and the generation of tokens that its calls under way belong to. */
  #remains = NOTHING;
  #handedOver: { readonly window: SlidingWindow; readonly generation: number } | undefined;
  #mode: CountingMode;
  /** Tokens to use, the earliest first. */
  #hand: Token[] = [];
  #inFlight = 0;
  /** Counted up when Redis no longer knows the tokens of this replica. */
  #generation = 0;
  #returns: Return[] = [];
  #wanted = 0;
  #firstTurns = 0;
  #pauseMs: number | undefined;
  #slowedDownAtMs = Number.NEGATIVE_INFINITY;
  /** The exchange that runs, or whose answer was lost. */
  #open: Exchange | undefined;
  #running: Promise<void> | undefined;
  #lastNumber = 0;
  #exchangedAtMs = Number.NEGATIVE_INFINITY;
  /** Of what was asked for last, what was not granted; and when to ask for it again. */
  #unmet = { calls: 0, firstTurns: 0, askAtMs: 0 };
  #limit: number;
  #active = 1;
  #usedByOthers = { calls: 0, atMs: 0 };
  #epoch: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(replicas: Replicas, key: string, { callsPerSecond }: SlidingWindowOptions) {
    this.callsPerSecond = callsPerSecond;
    this.#replicas = replicas;
    this.#slots = toSlots(callsPerSecond);
    this.#periodMs = toPeriodMs(callsPerSecond);
    this.#limit = this.#slots;
    this.#amount = this.#slots < MANY_SLOTS ? "few" : "many";
    this.#keys = [...replicas.keys, replicas.toKey(`${key}:slots`)];
    this.#alone = this.#createAlone();
    this.#mode = replicas.mode;
    replicas.onChange(() => this.#followMode());
  }

  get free(): number {
    if (this.#replicas.mode === "alone") return this.#alone.free;
    // The others may count what this replica holds as theirs when it was not heard of for long.
    if (!this.#replicas.hasLease) return 0;
    return this.#countUsableAt(performance.now());
  }

  get msUntilNext(): number | undefined {
    if (this.#replicas.mode === "alone") return this.#alone.msUntilNext;
    const now = performance.now();
    const next = this.#hand.find(({ usableAtMs }) => usableAtMs > now);
    return next && next.usableAtMs - now;
  }

  /** Redis keeps slots for first turns, of whichever replica. */
  get msUntilUnspared(): number {
    if (this.#replicas.mode === "alone") return this.#alone.msUntilUnspared;
    const next = this.#hand.find(({ isForFirstTurn }) => !isForFirstTurn);
    if (next === undefined) return Number.POSITIVE_INFINITY;
    return next.usableAtMs - performance.now();
  }

  get msUntilSpread(): number {
    if (this.#replicas.mode === "alone") return this.#alone.msUntilSpread;
    return this.#sent.msUntilSpread(this.#limit, this.#periodMs, this.#limit / this.#active);
  }

  get usedInLastSecond(): number {
    const { calls, atMs } = this.#usedByOthers;
    const staleShare = Math.min(1, (performance.now() - atMs) / 1000);
    return this.#sent.countInLastSecond() + Math.round(calls * (1 - staleShare));
  }

  countFreeWithin(ms: number): number {
    if (this.#replicas.mode === "alone") return this.#alone.countFreeWithin(ms);
    return this.#countUsableAt(performance.now() + ms);
  }

  estimateMsUntilSent(calls: number): number {
    if (this.#replicas.mode === "alone") return this.#alone.estimateMsUntilSent(calls);
    const now = performance.now();
    const last = this.#hand[calls - 1];
    if (last !== undefined) return Math.max(0, last.usableAtMs - now);
    const later = calls - this.#hand.length - this.#countIdle();
    if (later <= 0) return 0;
    // An equal part for each, or a slot or two less. Whether the next come at once or at the end of a round is not known.
    const rounds = Math.max(1, ((later + 2) * this.#active) / this.#limit);
    return (rounds * this.#periodMs) / SUSTAINED_SHARE;
  }

  take(isFirstTurn = false): Slot {
    const sentAtMs = performance.now();
    this.#sent.add(sentAtMs);
    if (this.#replicas.mode === "alone") return this.#takeAlone();
    this.#dropToken(sentAtMs, isFirstTurn);
    this.#inFlight += 1;
    const generation = this.#generation;
    return {
      answered: (hasAnswer) => {
        if (hasAnswer) this.#roundTrips.learn(sentAtMs);
        if (generation === this.#generation) this.#giveBack(hasAnswer);
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

  want(calls: number, firstTurns: number): void {
    this.#wanted = Math.min(calls, this.#slots);
    this.#firstTurns = Math.min(firstTurns, this.#slots);
    if (calls === 0) this.#giveBackHand();
    else if (firstTurns === 0) this.#releaseFirstTurns();
    this.#schedule();
  }

  async look(): Promise<void> {
    if (this.#replicas.mode !== "together") return;
    if (performance.now() - this.#exchangedAtMs > GIVE_BACK_EVERY_MS.many) this.#startExchange();
    await this.#running;
  }

  onFreed(listener: () => void): void {
    this.#listeners.push(listener);
  }

  get #missing(): number {
    return Math.max(0, this.#wanted - this.#hand.length);
  }

  get #missingFirstTurns(): number {
    const held = this.#hand.filter(({ isForFirstTurn }) => isForFirstTurn).length;
    return Math.min(this.#missing, Math.max(0, this.#firstTurns - held));
  }

  /** Slots that nobody used lately, and nobody else wants. */
  #countIdle(): number {
    if (this.#active > 1 || this.#unmet.calls > 0) return 0;
    return Math.max(0, this.#limit - this.usedInLastSecond - this.#inFlight);
  }

  #countUsableAt(ms: number): number {
    const firstResting = this.#hand.findIndex(({ usableAtMs }) => usableAtMs > ms);
    return firstResting === -1 ? this.#hand.length : firstResting;
  }

  #takeAlone(): Slot {
    const window = this.#alone;
    const slot = window.take();
    return {
      answered: (hasAnswer) => {
        slot.answered(hasAnswer);
        const { window: handedOver, generation } = this.#handedOver ?? {};
        if (window === handedOver && generation === this.#generation) this.#giveBack(hasAnswer);
      },
    };
  }

  #giveBack(hasAnswer: boolean): void {
    this.#inFlight -= 1;
    const creditMs = hasAnswer ? this.#roundTrips.creditMs : 0;
    this.#returns.push({ answeredAtMs: performance.now(), creditMs });
    this.#schedule();
  }

  /** One that was given for a first turn is used for a first turn, where there is a choice. */
  #dropToken(now: number, isFirstTurn: boolean): void {
    const usable = this.#hand.slice(0, this.#countUsableAt(now));
    if (usable.length === 0) throw new Error("a slot was taken that is not there");
    const fitting = usable.findIndex(({ isForFirstTurn }) => isForFirstTurn === isFirstTurn);
    this.#hand.splice(Math.max(0, fitting), 1);
  }

  /** Whoever they were given for has gone, or had another one. */
  #releaseFirstTurns(): void {
    if (!this.#hand.some(({ isForFirstTurn }) => isForFirstTurn)) return;
    this.#hand = this.#hand.map(({ usableAtMs }) => ({ usableAtMs, isForFirstTurn: false }));
  }

  #giveBackHand(): void {
    this.#returns.push(...this.#hand);
    this.#hand = [];
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#running || this.#replicas.mode !== "together") return;
    const dueMs = this.#msUntilExchange();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#startExchange(), Math.max(0, dueMs)).unref();
  }

  #msUntilExchange(): number {
    const now = performance.now();
    if (this.#open) return this.#exchangedAtMs + TRY_AGAIN_MS - now;
    if (this.#pauseMs !== undefined || this.#remains !== NOTHING) return 0;
    const { calls, firstTurns, askAtMs } = this.#unmet;
    const isNewFirstTurn = this.#missingFirstTurns > 0 && firstTurns === 0;
    if (isNewFirstTurn) return 0;
    const wishAtMs = calls > 0 ? askAtMs : this.#exchangedAtMs + GATHER_WISHES_MS[this.#amount];
    const returnAtMs = this.#exchangedAtMs + GIVE_BACK_EVERY_MS[this.#amount];
    return (
      Math.min(
        this.#missing > 0 ? wishAtMs : Number.POSITIVE_INFINITY,
        this.#returns.length > 0 ? returnAtMs : Number.POSITIVE_INFINITY,
      ) - now
    );
  }

  #startExchange(): void {
    this.#running ??= this.#exchange().finally(() => {
      this.#running = undefined;
      this.#schedule();
    });
  }

  async #exchange(): Promise<void> {
    const { epoch, redis, id } = this.#replicas;
    if (epoch === undefined) return;
    const generation = this.#generation;
    const askedAtMs = performance.now();
    this.#exchangedAtMs = askedAtMs;
    this.#open ??= this.#createExchange();
    const { number, missing, firstTurns, pauseMs = -1 } = this.#open;
    try {
      const answer = await redis.run(EXCHANGE, this.#keys, [
        ...[id, epoch, number, this.#slots, this.#periodMs, AHEAD_MS[this.#amount]],
        ...[missing, firstTurns, this.#sent.countInLastSecond(), pauseMs, SILENT_MS],
        ...toTold(this.#open),
      ]);
      this.#replicas.sawAnswer(askedAtMs);
      if (generation === this.#generation) this.#accept(answer, this.#open, askedAtMs);
    } catch {
      // Whether it was executed nobody knows: it is asked for again.
      this.#replicas.sawFailure();
    }
  }

  #createExchange(): Exchange {
    this.#lastNumber += 1;
    const exchange = {
      number: this.#lastNumber,
      missing: this.#missing,
      firstTurns: this.#missingFirstTurns,
      pauseMs: this.#pauseMs,
      returns: this.#returns.splice(0, MAX_RETURNS),
      remains: this.#remains,
    };
    this.#pauseMs = undefined;
    this.#remains = NOTHING;
    return exchange;
  }

  #accept(answer: unknown, { missing, firstTurns }: Exchange, askedAtMs: number): void {
    this.#open = undefined;
    const granted = readGranted(answer);
    if (granted === undefined) {
      this.#replicas.lostEpoch();
      return;
    }
    if (granted.wasLost) this.#forgetTokens();
    const now = performance.now();
    const { restsMs, firsts, limit, active, usedByOthers, askAgainMs } = granted;
    for (const [index, restMs] of restsMs.entries()) {
      // Counted from the answer: Redis cannot have given it later.
      this.#hand.push({ usableAtMs: now + restMs, isForFirstTurn: index < firsts });
    }
    this.#hand.sort((one, other) => one.usableAtMs - other.usableAtMs);
    this.#limit = limit;
    this.#active = active;
    this.#usedByOthers = { calls: usedByOthers, atMs: now };
    this.#unmet = {
      calls: missing - restsMs.length,
      firstTurns: firstTurns - firsts,
      askAtMs: askedAtMs + askAgainMs,
    };
    if (restsMs.length > 0) for (const listener of this.#listeners) listener();
  }

  #forgetTokens(): void {
    this.#generation += 1;
    this.#hand = [];
    this.#returns = [];
    this.#inFlight = 0;
    this.#open = undefined;
    this.#remains = NOTHING;
  }

  /** In a new epoch: the slots of its part stay this replica's until they are free. So nobody has to rest. */
  #handOver(): void {
    this.#remains = this.#alone.remains;
    this.#inFlight = this.#remains.inFlight;
    this.#handedOver = { window: this.#alone, generation: this.#generation };
  }

  #followMode(): void {
    clearTimeout(this.#timer);
    const { mode, epoch } = this.#replicas;
    // What is in hand must not be used while nobody knows what others send.
    this.#giveBackHand();
    if (epoch !== undefined && epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#forgetTokens();
      if (this.#mode === "alone") this.#handOver();
    }
    if (mode === "alone") this.#alone = this.#createAlone();
    this.#mode = mode;
    this.#unmet = { calls: 0, firstTurns: 0, askAtMs: 0 };
    this.#schedule();
    for (const listener of this.#listeners) listener();
  }

  /** Its part: what cannot be parted equally goes to those that come first among the replicas. */
  #createAlone(): SlidingWindow {
    const { count, place } = this.#replicas;
    const upTo = (replicas: number) => Math.floor((this.#slots * replicas) / count);
    const part = place === 0 ? this.callsPerSecond : 0;
    const callsPerSecond = this.callsPerSecond < 1 ? part : upTo(place + 1) - upTo(place);
    return new SlidingWindow({ callsPerSecond, roundTrips: this.#roundTrips });
  }
}

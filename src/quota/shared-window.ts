// A limit that all replicas keep together: its slots are tokens in Redis, taken some time ahead.
import { type CallWindow, type Slot, SUSTAINED_SHARE } from "./call-window.ts";
import {
  type Exchange,
  NOTHING,
  type Return,
  readGranted,
  toTold,
  toUsableAtMs,
} from "./exchange.ts";
import { EXCHANGE } from "./exchange-script.ts";
import { Hand } from "./hand.ts";
import { OwnSlots } from "./own-slots.ts";
import { type CountingMode, type Replicas, SILENT_MS } from "./replicas.ts";
import { RoundTrips } from "./round-trips.ts";
import { SentCalls } from "./sent-calls.ts";
import { SlidingWindow, type SlidingWindowOptions, toPeriodMs, toSlots } from "./sliding-window.ts";

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
  /** What this replica may send while it counts on its own; nothing before. */
  #alone = new SlidingWindow({ callsPerSecond: 0 });
  /** What that has left, to be told to Redis, and the generation of tokens that its calls under way belong to. */
  #remains = NOTHING;
  #handedOver: { readonly window: SlidingWindow; readonly generation: number } | undefined;
  readonly #own = new OwnSlots();
  #mode: CountingMode;
  readonly #hand = new Hand();
  #inFlight = 0;
  /** Counted up when Redis no longer knows the tokens of this replica. */
  #generation = 0;
  /** Whether Redis certainly knows them. */
  #isCounted = false;
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
    this.#mode = replicas.mode;
    if (replicas.mode === "alone") this.#goAlone();
    replicas.onChange(() => this.#followMode());
  }

  get free(): number {
    if (this.#replicas.mode === "alone") return this.#alone.free;
    // The others may count what this replica holds as theirs when it was not heard of for long.
    if (!this.#replicas.hasLease) return 0;
    return this.#hand.countUsableAt(performance.now());
  }

  get msUntilNext(): number | undefined {
    if (this.#replicas.mode === "alone") return this.#alone.msUntilNext;
    const now = performance.now();
    const next = this.#hand.findNextAfter(now);
    return next && next - now;
  }

  /** Redis keeps slots for first turns, of whichever replica. */
  get msUntilUnspared(): number {
    if (this.#replicas.mode === "alone") return this.#alone.msUntilUnspared;
    const next = this.#hand.findUnspared() ?? Number.POSITIVE_INFINITY;
    return next - performance.now();
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
    return this.#hand.countUsableAt(performance.now() + ms);
  }

  estimateMsUntilSent(calls: number): number {
    if (this.#replicas.mode === "alone") return this.#alone.estimateMsUntilSent(calls);
    const now = performance.now();
    const last = this.#hand.usableAtMs[calls - 1];
    if (last !== undefined) return Math.max(0, last - now);
    const later = calls - this.#hand.size - this.#countIdle();
    if (later <= 0) return 0;
    // An equal part for each, or a slot or two less. Whether the next come at once or at the end of a round is not known.
    const rounds = Math.max(1, ((later + 2) * this.#active) / this.#limit);
    return (rounds * this.#periodMs) / SUSTAINED_SHARE;
  }

  take(isFirstTurn = false): Slot {
    const sentAtMs = performance.now();
    this.#sent.add(sentAtMs);
    if (this.#replicas.mode === "alone") return this.#toOwnSlot(this.#alone.take());
    this.#hand.use(sentAtMs, isFirstTurn);
    this.#inFlight += 1;
    const generation = this.#generation;
    const call = this.#own.addCall(sentAtMs);
    return {
      answered: (hasAnswer) => {
        this.#own.removeCall(call);
        if (call.ownSlot) call.ownSlot.answered(hasAnswer);
        else if (hasAnswer) this.#roundTrips.learn(sentAtMs);
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
    if (calls === 0 && this.#replicas.mode === "together") this.#giveBackHand();
    else if (firstTurns === 0) this.#hand.releaseFirstTurns();
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
    return Math.max(0, this.#wanted - this.#hand.size);
  }

  get #missingFirstTurns(): number {
    return Math.min(this.#missing, Math.max(0, this.#firstTurns - this.#hand.firstTurns));
  }

  /** Slots that nobody used lately, and nobody else wants. */
  #countIdle(): number {
    if (this.#active > 1 || this.#unmet.calls > 0) return 0;
    return Math.max(0, this.#limit - this.usedInLastSecond - this.#inFlight);
  }

  #toOwnSlot(slot: Slot): Slot {
    const window = this.#alone;
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
    const back = { answeredAtMs: performance.now(), creditMs };
    if (this.#replicas.mode === "lost") this.#keep([back]);
    else this.#returns.push(back);
    this.#schedule();
  }

  #giveBackHand(): void {
    this.#returns.push(...this.#hand.takeOut());
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
      // An answer that comes when Redis was given up is asked for again.
      const isCurrent = generation === this.#generation && epoch === this.#replicas.epoch;
      if (isCurrent) this.#accept(answer, this.#open, askedAtMs);
    } catch {
      // Whether it was executed nobody knows: it is asked for again.
      this.#replicas.sawFailure();
    }
  }

  #createExchange(): Exchange {
    const returns = this.#returns.splice(0, MAX_RETURNS);
    const used = returns.filter((one) => "answeredAtMs" in one);
    this.#own.addReturned(used.map((one) => toUsableAtMs(one, this.#periodMs)));
    this.#lastNumber += 1;
    const exchange = {
      number: this.#lastNumber,
      missing: this.#missing,
      firstTurns: this.#missingFirstTurns,
      pauseMs: this.#pauseMs,
      returns,
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
    this.#isCounted = true;
    const now = performance.now();
    const { restsMs, firsts, limit, active, usedByOthers, askAgainMs } = granted;
    // Counted from the answer: Redis cannot have given them later.
    const toToken = (restMs: number, index: number) => ({
      usableAtMs: now + restMs,
      isForFirstTurn: index < firsts,
    });
    this.#hand.add(restsMs.map(toToken));
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
    this.#isCounted = false;
    this.#hand.takeOut();
    this.#returns = [];
    this.#inFlight = 0;
    this.#open = undefined;
    this.#remains = NOTHING;
    this.#own.forget();
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
    if (mode === "alone") this.#goAlone();
    if (mode === "lost") this.#keepOwn();
    else this.#giveBackHand();
    if (epoch !== undefined && epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#forgetTokens();
      if (this.#mode === "alone") this.#handOver();
    }
    this.#mode = mode;
    this.#unmet = { calls: 0, firstTurns: 0, askAtMs: 0 };
    this.#schedule();
    for (const listener of this.#listeners) listener();
  }

  /**
   * Redis gives no slots for now. Those that it gave and did not get back stay here, as many as this replica's part: even
   * if others go on with Redis, it gives them to nobody until this replica is back or dead.
   */
  #keepOwn(): void {
    if (this.#mode !== "together" || !this.#isCounted || !this.#replicas.hasLease) {
      this.#giveBackHand();
      this.#own.forget();
      return;
    }
    // Of those that went back it may have given some ahead to others: those that were soon to be used.
    const givenUntilMs = performance.now() + AHEAD_MS[this.#amount];
    const returned = this.#own.takeReturnedAfter(givenUntilMs);
    this.#keep(this.#returns.splice(0));
    this.#own.addReturned(returned.slice(0, this.#room - this.#hand.size));
  }

  /** What cannot go back for now is used again here. */
  #keep(returns: readonly Return[]): void {
    this.#hand.addForAnyTurn(returns.map((one) => toUsableAtMs(one, this.#periodMs)));
    this.#returns.push(...this.#hand.takeOut(this.#room));
  }

  /**
   * Redis is gone for all. Slots that this replica holds or used last go on; the others of its part rest, because somebody
   * may have used them until all had noticed.
   */
  #goAlone(): void {
    const freeAtMs = this.#replicas.othersSendUntilMs + this.#periodMs;
    const others = new Array<number>(Math.max(0, this.#room - this.#hand.size)).fill(freeAtMs);
    this.#alone = new SlidingWindow({
      callsPerSecond: this.#replicas.toPart(this.callsPerSecond),
      roundTrips: this.#roundTrips,
      restingUntilMs: [...this.#hand.usableAtMs, ...this.#own.returnedUsableAtMs, ...others],
    });
    this.#own.moveCalls((sentAtMs) => this.#toOwnSlot(this.#alone.takeOver(sentAtMs)));
  }

  /** Slots of its part that may be in hand. */
  get #room(): number {
    const slots = toSlots(this.#replicas.toPart(this.callsPerSecond));
    return Math.max(0, slots - this.#own.size);
  }
}

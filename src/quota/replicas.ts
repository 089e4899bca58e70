// Whether this replica counts its calls together with the others, or on its own because Redis is gone.
import { randomUUID } from "node:crypto";
import type { Log } from "../log.ts";
import type { SharedRedis } from "../redis.ts";
import { JOIN, LEAVE } from "./join-scripts.ts";

/**
 * `lost`: Redis was lost sight of, or not seen yet; what it gave before is used until it is back or certainly gone.
 * `resting`: nothing may be sent, because nobody knows what others just sent.
 */
export type CountingMode = "lost" | "resting" | "together" | "alone";

const HEARTBEAT_MS = 500;
const JOIN_AGAIN_MS = 100;
/** How much later than this replica others may notice that Redis is gone, and some time for their last calls to arrive. */
const NOTICED_LATER_MS = 100;
/** A hanging Redis is noticed by one replica much later than by another. */
const NOTICED_LATER_WHEN_SLOW_MS = 700;
/** A connection that was closed may be back so soon, and all go on together. After that it is gone for all. */
const BACK_MS = 400;
/** A Redis that hangs for this replica may go on giving slots to others: those that it gave must be out of every window. */
const REST_WHEN_SLOW_MS = 1_700;
/** Who counted on its own rests before it joins the others. */
const REST_MS = 1_100;
/** How long Redis may give no answer at all; a single one that comes late says more of this process than of Redis. */
const SILENT_REDIS_MS = 750;
/** In a new epoch: how long replicas go on alone so that all notice it, and how long slots rest then that nobody brings. */
const NEW_EPOCH_ALONE_MS = 600;
const NEW_EPOCH_REST_MS = 1_100;
/** Longer than this without anybody's heartbeat, Redis was out of everybody's reach. */
const AWAY_MS = 3_000;
/** For so long after it asked for it a replica relies on what Redis answered. */
const LEASE_MS = 1_200;
/** A replica that was not heard of for so long may be counting on its own; after so long it is dead. */
export const SILENT_MS = 1_500;
const FORGET_MS = 10_000;
/** How many replicas to reckon with when Redis was never reached. */
const UNSEEN_REPLICAS = 4;
/** How long to wait for Redis at the start. */
const FIRST_JOIN_MS = 2_000;

const MODE_MESSAGES: Readonly<Record<CountingMode, string>> = {
  together: "quotas are kept together with the other replicas",
  lost: "only what Redis gave before is used, since it does not answer",
  resting: "no calls for a moment: what the other replicas send is not known",
  alone: "this replica keeps to its own part of the quotas",
};

export interface ReplicasOptions {
  readonly redis: SharedRedis;
  readonly log: Log;
}

/** One per process. */
export class Replicas {
  readonly redis: SharedRedis;
  /** This replica's name among the others. */
  readonly id = randomUUID();
  readonly #log: Log;
  readonly #listeners: (() => void)[] = [];
  #mode: CountingMode = "lost";
  #epoch: string | undefined;
  /** Replicas that were seen last, this one included. */
  #count = UNSEEN_REPLICAS;
  /** The place of this one among them, from 0 on: all see the same order. */
  #place = 0;
  #answeredAtMs = performance.now();
  #leasedAtMs = Number.NEGATIVE_INFINITY;
  #othersSendUntilMs = performance.now();
  #runId = "";
  #beat: NodeJS.Timeout | undefined;
  #change: NodeJS.Timeout | undefined;
  #isJoining = false;
  #isClosed = false;

  constructor({ redis, log }: ReplicasOptions) {
    this.redis = redis;
    this.#log = log;
    redis.client.on("ready", () => {
      this.#runId = "";
      this.#beatAfter(0);
    });
    redis.client.on("close", () => this.#lose(BACK_MS, NOTICED_LATER_MS));
    this.#changeAfter(FIRST_JOIN_MS, "alone");
    this.#beatAfter(0);
  }

  get mode(): CountingMode {
    return this.#mode;
  }

  /** The epoch that slots are counted in; only while together. */
  get epoch(): string | undefined {
    return this.#mode === "together" ? this.#epoch : undefined;
  }

  /** Its part of a limit, by the replicas that were seen last. What cannot be parted equally goes to the first of them. */
  toPart(callsPerSecond: number): number {
    if (callsPerSecond < 1) return this.#place === 0 ? callsPerSecond : 0;
    const upTo = (count: number) => Math.floor((Math.floor(callsPerSecond) * count) / this.#count);
    return upTo(this.#place + 1) - upTo(this.#place);
  }

  /** Until when others may have used what Redis gave them, while this one has lost sight of it. */
  get othersSendUntilMs(): number {
    return this.#othersSendUntilMs;
  }

  /**
   * Whether what Redis gave this replica is certainly still its own. A process that was held up for long must not use it:
   * the others may have been given it since.
   */
  get hasLease(): boolean {
    return performance.now() - this.#leasedAtMs < LEASE_MS;
  }

  /** Keys that every script needs: the epoch and the members. */
  get keys(): readonly string[] {
    return [this.toKey("epoch"), this.toKey("replicas")];
  }

  /** The braces keep all keys in one slot of a cluster: a script may touch no others. */
  toKey(name: string): string {
    return `${this.redis.keyPrefix}{quota}:${name}`;
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** A script was answered that was sent at this time. */
  sawAnswer(askedAtMs: number): void {
    this.#answeredAtMs = performance.now();
    this.#leasedAtMs = Math.max(this.#leasedAtMs, askedAtMs);
  }

  sawFailure(): void {
    const silentMs = performance.now() - this.#answeredAtMs;
    if (silentMs > SILENT_REDIS_MS) this.#lose(REST_WHEN_SLOW_MS, NOTICED_LATER_WHEN_SLOW_MS);
  }

  /** Redis does not know this replica, or not this epoch: nothing that was counted is certain. */
  lostEpoch(): void {
    if (this.#mode !== "together") return;
    this.#setMode("resting");
    this.#beatAfter(0);
  }

  /** The replica leaves for good; the others need not wait for it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#beat);
    clearTimeout(this.#change);
    await this.redis.run(LEAVE, [this.toKey("replicas")], [this.id]).catch(() => undefined);
  }

  #beatAfter(ms: number): void {
    clearTimeout(this.#beat);
    if (this.#isClosed) return;
    this.#beat = setTimeout(() => void this.#join(), ms);
  }

  async #join(): Promise<void> {
    if (this.#isJoining) return;
    this.#isJoining = true;
    const askedAtMs = performance.now();
    const mode = this.#mode;
    let nextMs = JOIN_AGAIN_MS;
    try {
      if (this.#runId === "") this.#runId = await this.redis.fetchRunId();
      const answer = await this.redis.run(JOIN, this.keys, [
        this.id,
        this.#runId,
        NEW_EPOCH_ALONE_MS,
        NEW_EPOCH_REST_MS,
        AWAY_MS,
        FORGET_MS,
        mode,
      ]);
      const joined = readJoinAnswer(answer);
      this.sawAnswer(askedAtMs);
      // An answer to what this replica no longer does is none.
      nextMs = mode === this.#mode ? this.#follow(joined, askedAtMs) : 0;
    } catch {
      if (this.redis.isUp) this.sawFailure();
    } finally {
      this.#isJoining = false;
      if (this.redis.isUp) this.#beatAfter(nextMs);
    }
  }

  /** Answers when to come again, in milliseconds. */
  #follow({ epoch, aloneMs, count, place }: Joined, askedAtMs: number): number {
    const isSameEpoch = epoch === this.#epoch;
    const isFirst = this.#epoch === undefined;
    this.#epoch = epoch;
    if (aloneMs < 0) {
      // Nothing is told to Redis meanwhile: so long the part of this replica stays set aside there.
      clearTimeout(this.#change);
      this.#setMode("resting");
      return REST_MS;
    }
    if (aloneMs > 0) {
      // Others may still count on their own; this replica too, if it did so before or lost sight of Redis.
      if (this.#mode === "together") this.#setMode("resting");
      else if (this.#mode === "lost" && !isFirst) this.#setMode("alone");
      this.#changeAfter(askedAtMs + aloneMs - performance.now(), "together");
      return JOIN_AGAIN_MS;
    }
    this.#count = Math.max(1, count);
    this.#place = place;
    clearTimeout(this.#change);
    if (!isSameEpoch) this.#setMode("resting");
    this.#setMode("together");
    return HEARTBEAT_MS;
  }

  #lose(aloneAfterMs: number, noticedLaterMs: number): void {
    // It was about to join the others.
    if (this.#mode === "alone") clearTimeout(this.#change);
    if (this.#mode === "lost" || this.#mode === "alone" || this.#isClosed) return;
    this.#othersSendUntilMs = performance.now() + noticedLaterMs;
    this.#setMode("lost");
    this.#changeAfter(aloneAfterMs, "alone");
    this.#beatAfter(JOIN_AGAIN_MS);
  }

  #changeAfter(ms: number, mode: CountingMode): void {
    clearTimeout(this.#change);
    this.#change = setTimeout(() => this.#setMode(mode), Math.max(0, ms));
    this.#change.unref();
  }

  #setMode(mode: CountingMode): void {
    if (mode === this.#mode || this.#isClosed) return;
    this.#mode = mode;
    this.#log.info({ mode }, MODE_MESSAGES[mode]);
    for (const listener of this.#listeners) listener();
  }
}

interface Joined {
  readonly epoch: string;
  readonly aloneMs: number;
  readonly count: number;
  readonly place: number;
}

function readJoinAnswer(answer: unknown): Joined {
  if (!Array.isArray(answer)) throw new TypeError("Redis answered the joining with something else");
  const [epoch, aloneMs, count, place]: unknown[] = answer;
  return {
    epoch: String(epoch),
    aloneMs: Number(aloneMs),
    count: Number(count),
    place: Number(place),
  };
}

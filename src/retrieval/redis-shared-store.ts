// The store that replicas share, in Redis: few round trips, each a script over many certificates.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type SharedRedis, SlowRedisError } from "../redis.ts";
import {
  type Claim,
  DEPTH,
  type Depth,
  type LookUp,
  type RenewedClaim,
  type SettledReading,
  type Settlement,
  type SharedStore,
  type SharedStoreListener,
  type StoredReading,
  type Wish,
} from "./shared-store.ts";
import { LOOK_UP, RENEW, SETTLE } from "./shared-store-scripts.ts";

/** Part of every key, to be counted up when what stands there changes its form: old and new replicas run side by side. */
const VERSION = "v1:";
const CHANNEL = `${VERSION}readings`;
/** How long the certificates of a killed replica are waited for; must outlast some renewals that come late. */
const CLAIM_LIFE_MS = 3_000;
/** So many certificates at once take Redis a millisecond or two, in which nobody else is served. */
const MAX_BATCH = 200;
/** Renewing takes far less time, and happens every second for all that waits. */
const MAX_RENEWED = 1_000;
const PING_AGAIN_MS = 100;

export interface RedisSharedStoreOptions {
  readonly redis: SharedRedis;
  /** How long a claim lasts without being renewed, in milliseconds. */
  readonly claimLifeMs?: number;
}

export function createRedisSharedStore(options: RedisSharedStoreOptions): SharedStore {
  return new RedisSharedStore(options);
}

class RedisSharedStore implements SharedStore {
  /** Tells replicas apart; a restarted one is another. */
  readonly #owner = randomUUID();
  readonly #redis: SharedRedis;
  readonly #claimLifeMs: number;
  readonly #prefix: string;
  /** Connected, but it let a command run out of time and has not caught up yet. */
  #isSlow = false;
  readonly #listeners: SharedStoreListener[] = [];

  constructor({ redis, claimLifeMs = CLAIM_LIFE_MS }: RedisSharedStoreOptions) {
    this.#redis = redis;
    this.#claimLifeMs = claimLifeMs;
    this.#prefix = redis.keyPrefix + VERSION;
    redis.subscribe(CHANNEL, (message) => this.#hear(message));
    redis.client.on("ready", () => this.#tellBack());
  }

  get isUp(): boolean {
    return this.#redis.isUp && !this.#isSlow;
  }

  listen(listener: SharedStoreListener): void {
    this.#listeners.push(listener);
  }

  async lookUp(wishes: readonly Wish[], token: number): Promise<readonly LookUp[]> {
    const answers = await this.#runBatches(
      LOOK_UP,
      [this.#prefix, this.#owner, token, this.#claimLifeMs],
      wishes.map(({ canonicalId, depth }) => [canonicalId, depth]),
    );
    const lookUps = answers.flatMap((answer) =>
      Array.isArray(answer) ? answer.map(toLookUp) : [],
    );
    if (lookUps.length !== wishes.length)
      throw new Error("Redis answered another number of wishes");
    return lookUps;
  }

  async renew(claims: readonly RenewedClaim[]): Promise<void> {
    await this.#runBatches(
      RENEW,
      [this.#prefix, this.#claimLifeMs],
      claims.map((claim) => [
        claim.canonicalId,
        this.#toName(claim),
        claim.depth,
        Math.round(claim.waitMs),
      ]),
      MAX_RENEWED,
    );
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    await this.#runBatches(
      SETTLE,
      [this.#prefix, this.#redis.keyPrefix + CHANNEL],
      settlements.map(({ claim, reading }) => [
        claim.canonicalId,
        this.#toName(claim),
        reading?.text ?? "",
        reading?.depth ?? 0,
        Math.round(reading?.ageMs ?? 0),
        Math.round(reading?.freshMs ?? 0),
        Math.round(reading?.keepMs ?? 0),
      ]),
    );
  }

  async want(canonicalIds: readonly string[], withinMs: number): Promise<void> {
    const message = [`wanted ${Math.round(withinMs)}`, ...canonicalIds].join("\n");
    await this.#watch(this.#redis.client.publish(this.#redis.keyPrefix + CHANNEL, message));
  }

  #toName({ token }: Claim): string {
    return `${this.#owner}:${token}`;
  }

  /** All batches leave together, so it is one round trip. */
  #runBatches(
    script: string,
    head: readonly (string | number)[],
    items: readonly (readonly (string | number)[])[],
    maxBatch = MAX_BATCH,
  ): Promise<unknown[]> {
    const batches: (readonly (string | number)[])[][] = [];
    for (let first = 0; first < items.length; first += maxBatch) {
      batches.push(items.slice(first, first + maxBatch));
    }
    return this.#watch(
      Promise.all(batches.map((batch) => this.#redis.run(script, [], [...head, ...batch.flat()]))),
    );
  }

  /** After a command that ran out of time nobody shall wait for another one, until Redis has caught up. */
  async #watch<T>(command: Promise<T>): Promise<T> {
    try {
      return await command;
    } catch (error) {
      if (error instanceof SlowRedisError && !this.#isSlow) void this.#awaitCatchingUp();
      throw error;
    }
  }

  /** Commands are answered in their order: an answer to the last one means that all before were. */
  async #awaitCatchingUp(): Promise<void> {
    this.#isSlow = true;
    while (this.#isSlow && this.#redis.isUp) {
      this.#isSlow = await this.#redis.client.ping().then(
        () => false,
        () => sleep(PING_AGAIN_MS, true, { ref: false }),
      );
    }
    this.#isSlow = false;
    if (this.isUp) this.#tellBack();
  }

  #tellBack(): void {
    for (const listener of this.#listeners) listener.onBack();
  }

  #hear(message: string): void {
    // Neither ids nor JSON hold line ends.
    const [head = "", ...lines] = message.split("\n");
    const [kind, withinMs] = head.split(" ");
    if (kind === "settled") {
      const settled = toSettled(lines);
      for (const listener of this.#listeners) listener.onSettled(settled);
    } else if (kind === "wanted") {
      for (const listener of this.#listeners) listener.onWanted(lines, Number(withinMs));
    }
  }
}

const READERS = ["nobody", "us", "another"] as const;

function toLookUp(answer: unknown): LookUp {
  if (!Array.isArray(answer)) throw new TypeError("Redis answered a look-up with something else");
  const [reader, waitMs, ageMs, isFresh, depth, text]: unknown[] = answer;
  return {
    // When in doubt it is ours: asking twice is better than never.
    reader: READERS[Number(reader)] ?? "us",
    waitMs: Number(waitMs),
    stored: toStored(text, ageMs, isFresh, depth),
  };
}

function toSettled(lines: readonly string[]): SettledReading[] {
  const settled: SettledReading[] = [];
  for (let index = 0; index + 2 < lines.length; index += 3) {
    const [canonicalId = "", state = "", text = ""] = lines.slice(index, index + 3);
    const [ageMs, isFresh, depth] = state.split(" ").map(Number);
    settled.push({ canonicalId, stored: toStored(text, ageMs, isFresh, depth) });
  }
  return settled;
}

function toStored(
  text: unknown,
  ageMs: unknown,
  isFresh: unknown,
  depth: unknown,
): StoredReading | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  return { text, depth: toDepth(depth), ageMs: Number(ageMs), isFresh: isFresh === 1 };
}

function toDepth(depth: unknown): Depth {
  return Object.values(DEPTH).find((known) => known === depth) ?? DEPTH.summary;
}

// The store that replicas share, in Redis: few round trips, each a script over many certificates.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type SharedRedis, SlowRedisError } from "../redis.ts";
import {
  type Claim,
  DEPTH,
  type Depth,
  type Expectation,
  type LookUp,
  type SettledReading,
  type Settlement,
  type SharedStore,
  type SharedStoreListener,
  type StoredReading,
  type Wish,
} from "./shared-store.ts";
import { CLAIM, LOOK_UP, RENEW, SETTLE } from "./shared-store-scripts.ts";

/** Part of every key, to be counted up when what stands there changes its form: old and new replicas run side by side. */
const VERSION = "v2:";
const CHANNEL = `${VERSION}readings`;
/** How long the certificates of a killed replica are waited for; must outlast some renewals that come late. */
const CLAIM_LIFE_MS = 3_000;
/**
 * So many certificates at once take Redis a few milliseconds, in which nobody else is served. Not fewer than one question
 * may hold: replicas that are asked the same at the same time must not part it among them, which costs list calls.
 */
const MAX_BATCH = 1_000;
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
    const batches = toBatches(wishes);
    const answers = await this.#runBatches(
      LOOK_UP,
      batches.map((batch) => [
        ...[this.#prefix, this.#owner, token, this.#claimLifeMs],
        batch.map(({ depth }) => depth).join(""),
        ...batch.map(({ canonicalId }) => canonicalId),
      ]),
    );
    const lookUps = answers.flatMap(toLookUps);
    if (lookUps.length !== wishes.length)
      throw new Error("Redis answered another number of wishes");
    return lookUps;
  }

  async renew(claims: readonly Claim[]): Promise<ReadonlySet<string>> {
    const head = [this.#prefix, this.#owner, this.#claimLifeMs];
    const [answer] = await this.#runBatches(RENEW, [[...head, claims.length > 0 ? 1 : 0]]);
    const [isThere, ...owners]: unknown[] = Array.isArray(answer) ? answer : [];
    if (isThere !== 1) {
      await this.#runBatches(
        CLAIM,
        toBatches(claims).map((batch) => [
          ...head,
          ...batch.flatMap(({ canonicalId, token, depth, isAwaited }) => [
            canonicalId,
            `${token} ${depth} ${isAwaited ? 1 : 0}`,
          ]),
        ]),
      );
    }
    return new Set(owners.map(String));
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    await this.#runBatches(
      SETTLE,
      toBatches(settlements).map((batch) => [
        ...[this.#prefix, this.#redis.keyPrefix + CHANNEL, this.#owner],
        ...batch.flatMap(({ claim: { canonicalId, token }, reading }) => [
          canonicalId,
          token,
          reading?.text ?? "",
          reading?.depth ?? 0,
          Math.round(reading?.ageMs ?? 0),
          Math.round(reading?.freshMs ?? 0),
          Math.round(reading?.keepMs ?? 0),
        ]),
      ]),
    );
  }

  async want(canonicalIds: readonly string[], withinMs: number): Promise<void> {
    await this.#publish([`wanted ${Math.round(withinMs)}`, ...canonicalIds]);
  }

  async expect(expectations: readonly Expectation[]): Promise<void> {
    const lines = expectations.map(
      ({ canonicalId, waitMs }) => `${Math.round(waitMs)} ${canonicalId}`,
    );
    await this.#publish(["expected", ...lines]);
  }

  async #publish(lines: readonly string[]): Promise<void> {
    const channel = this.#redis.keyPrefix + CHANNEL;
    await this.#watch(this.#redis.client.publish(channel, lines.join("\n")));
  }

  /** All batches leave together, so it is one round trip. */
  #runBatches(
    script: string,
    batches: readonly (readonly (string | number)[])[],
  ): Promise<unknown[]> {
    return this.#watch(Promise.all(batches.map((args) => this.#redis.run(script, [], args))));
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
    } else if (kind === "expected") {
      const expectations = lines.map(toExpectation);
      for (const listener of this.#listeners) listener.onExpected(expectations);
    }
  }
}

const READERS = ["nobody", "us", "another"] as const;

function toBatches<Item>(items: readonly Item[]): Item[][] {
  return Array.from({ length: Math.ceil(items.length / MAX_BATCH) }, (_, index) =>
    items.slice(index * MAX_BATCH, (index + 1) * MAX_BATCH),
  );
}

function toLookUps(answer: unknown): LookUp[] {
  if (!Array.isArray(answer)) throw new TypeError("Redis answered a look-up with something else");
  const [readers, others, ...rest]: unknown[] = answer;
  const stored = new Map<number, StoredReading | undefined>();
  for (let index = 0; index + 1 < rest.length; index += 2) {
    const [place = 0, ...state] = toNumbers(String(rest[index]));
    stored.set(place, toStored(rest[index + 1], state));
  }
  const owners = String(others).split(" ");
  let nextOwner = 0;
  return Array.from(String(readers), (digit, index) => {
    // When in doubt it is ours: asking twice is better than never.
    const reader = READERS[Number(digit)] ?? "us";
    const owner = reader === "another" ? owners[nextOwner] : undefined;
    if (reader === "another") nextOwner += 1;
    return { reader, owner, stored: stored.get(index + 1) };
  });
}

function toExpectation(line: string): Expectation {
  const space = line.indexOf(" ");
  return { waitMs: Number(line.slice(0, space)), canonicalId: line.slice(space + 1) };
}

function toNumbers(text: string): number[] {
  return text.split(" ").map(Number);
}

function toSettled(lines: readonly string[]): SettledReading[] {
  const settled: SettledReading[] = [];
  for (let index = 0; index + 2 < lines.length; index += 3) {
    const [canonicalId = "", state = "", text = ""] = lines.slice(index, index + 3);
    settled.push({ canonicalId, stored: toStored(text, toNumbers(state)) });
  }
  return settled;
}

function toStored(
  text: unknown,
  [ageMs = 0, isFresh, depth]: readonly number[],
): StoredReading | undefined {
  if (typeof text !== "string" || text === "") return undefined;
  return { text, depth: toDepth(depth), ageMs, isFresh: isFresh === 1 };
}

function toDepth(depth: number | undefined): Depth {
  return Object.values(DEPTH).find((known) => known === depth) ?? DEPTH.summary;
}

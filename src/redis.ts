// The connection to Redis (or Valkey) that replicas share, and whether it can be used just now.
import { createHash } from "node:crypto";
import { Redis } from "ioredis";
import type { Log } from "./log.ts";
import type { Secret } from "./secret.ts";

export interface SharedRedisOptions {
  readonly url: Secret;
  /** For the log: what it is used for. */
  readonly purpose: string;
  /** What every key and channel starts with. */
  readonly keyPrefix: string;
  readonly log: Log;
}

/** How long a script may take before Redis counts as slow, in milliseconds. */
const ANSWER_TIMEOUT_MS = 250;
/** For anything else that is asked of Redis. */
const COMMAND_TIMEOUT_MS = 1_000;
const RECONNECT_EVERY_MS = 100;

/** Redis is connected, and did not answer in time. */
export class SlowRedisError extends Error {
  constructor() {
    super("Redis did not answer in time");
    this.name = "SlowRedisError";
  }
}

/** Commands fail at once while there is no connection; it is looked for all the time. */
export class SharedRedis {
  readonly client: Redis;
  readonly keyPrefix: string;
  readonly #purpose: string;
  readonly #log: Log;
  readonly #subscribers: Redis[] = [];
  #isUp = false;

  constructor({ url, purpose, keyPrefix, log }: SharedRedisOptions) {
    this.#purpose = purpose;
    this.keyPrefix = keyPrefix;
    this.#log = log;
    this.client = new Redis(url.reveal(), {
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 1_000,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => RECONNECT_EVERY_MS,
    });
    this.client.on("ready", () => this.#tell(true));
    this.client.on("close", () => this.#tell(false));
    // Errors are told by "close"; without a listener they would end the process.
    this.client.on("error", () => {});
  }

  /** Whether there is a connection. A command may still run into its time limit. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Resolves at the first connection, or after `withinMs` without one. */
  async untilUp(withinMs: number): Promise<void> {
    if (this.#isUp) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.client.once("ready", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Runs a script in Redis, sent whole only where Redis does not hold it yet. */
  async run(
    script: string,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const sha = toSha(script);
    try {
      return await inTime(this.client.evalsha(sha, keys.length, ...keys, ...args));
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return inTime(this.client.eval(script, keys.length, ...keys, ...args));
    }
  }

  /** Another one means that Redis was restarted, and may have lost what it held. */
  async fetchRunId(): Promise<string> {
    const info = await this.client.info("server");
    return /run_id:(\w+)/.exec(info)?.[1] ?? "unknown";
  }

  /** A second connection that only listens; it subscribes anew whenever it is back. */
  subscribe(channel: string, onMessage: (message: string) => void): void {
    const subscriber = this.client.duplicate({ commandTimeout: 5_000, autoResubscribe: false });
    subscriber.on("error", () => {});
    subscriber.on("message", (_channel, message: string) => onMessage(message));
    // Not once and for all: an attempt while Redis is away is lost.
    subscriber.on("ready", () => {
      subscriber.subscribe(this.keyPrefix + channel).catch(() => {});
    });
    this.#subscribers.push(subscriber);
  }

  close(): void {
    this.#isUp = false;
    for (const connection of [this.client, ...this.#subscribers]) {
      connection.removeAllListeners("close");
      connection.disconnect();
    }
  }

  #tell(isUp: boolean): void {
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    // The address is left out: it may hold a password.
    if (isUp) this.#log.info({ purpose: this.#purpose }, "connected to Redis");
    else
      this.#log.warn({ purpose: this.#purpose }, "Redis is gone; this replica goes on by itself");
  }
}

const shas = new Map<string, string>();

/** Scripts are few, and run many times a second. */
function toSha(script: string): string {
  const known = shas.get(script);
  if (known !== undefined) return known;
  const sha = createHash("sha1").update(script).digest("hex");
  shas.set(script, sha);
  return sha;
}

/**
 * Rejects when there is no answer in time. A busy process reads late: the answer may be here already when the time is
 * over, so the network is looked at once more before Redis is blamed.
 */
async function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    setImmediate(() => setImmediate(() => reject(new SlowRedisError())));
  }, ANSWER_TIMEOUT_MS);
  try {
    return await Promise.race([answer, promise]);
  } finally {
    clearTimeout(timer);
  }
}

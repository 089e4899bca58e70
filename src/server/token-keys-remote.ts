// Keys of an issuer from its URL: kept, renewed in the background, and asked for anew when a token names an unknown one.
import type { JSONWebKeySet } from "jose";
import type { Log } from "../log.ts";
import { type KeySet, KeysUnavailableError, type TokenKeySource, toKeySet } from "./token-keys.ts";

export interface RemoteKeysOptions {
  readonly url: string;
  readonly log: Pick<Log, "info" | "warn">;
  /** Monotonic, in milliseconds. */
  readonly now?: () => number;
}

/** After that they are loaded again, while they go on working. */
const RENEW_AFTER_MS = 10 * 60_000;
/** How long keys go on working while their URL does not answer. */
const USABLE_FOR_MS = 24 * 3_600_000;
/** Nobody waits longer for the URL. */
const LOAD_TIMEOUT_MS = 3_000;
/** After a failure the URL is left alone for this long. */
const PAUSE_MS = 2_000;
/** Forged tokens name unknown keys for nothing: loads for their sake, at once and then one in each interval. */
const UNKNOWN_KEY_LOADS = 5;
const UNKNOWN_KEY_INTERVAL_MS = 10_000;
const MAX_BYTES = 256 * 1024;

/** Begins to load at once; nobody has to wait for it. */
export function createRemoteKeys(options: RemoteKeysOptions): TokenKeySource {
  const keys = new RemoteKeys(options);
  keys.current().catch(() => {});
  return keys;
}

interface HeldKeys {
  readonly keys: KeySet;
  readonly loadedAtMs: number;
}

class RemoteKeys implements TokenKeySource {
  readonly #url: string;
  readonly #log: RemoteKeysOptions["log"];
  readonly #now: () => number;
  #held: HeldKeys | undefined;
  #loading: Promise<KeySet> | undefined;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #isFailing = false;
  #unknownKeyLoads = UNKNOWN_KEY_LOADS;
  #refilledAtMs = Number.NEGATIVE_INFINITY;

  constructor({ url, log, now = () => performance.now() }: RemoteKeysOptions) {
    this.#url = url;
    this.#log = log;
    this.#now = now;
  }

  async current(): Promise<KeySet> {
    if (this.#held === undefined) return this.#load();
    const ageMs = this.#now() - this.#held.loadedAtMs;
    if (ageMs > USABLE_FOR_MS) return this.#load();
    if (ageMs > RENEW_AFTER_MS) this.#load().catch(() => {});
    return this.#held.keys;
  }

  async replacementOf(keys: KeySet): Promise<KeySet | undefined> {
    // Others may have come for the sake of another token.
    if (this.#held !== undefined && this.#held.keys !== keys) return this.#held.keys;
    return this.#takeUnknownKeyLoad() ? this.#load() : undefined;
  }

  #takeUnknownKeyLoad(): boolean {
    if (this.#loading !== undefined) return true;
    const intervals = Math.floor((this.#now() - this.#refilledAtMs) / UNKNOWN_KEY_INTERVAL_MS);
    if (intervals > 0) {
      this.#unknownKeyLoads = Math.min(UNKNOWN_KEY_LOADS, this.#unknownKeyLoads + intervals);
      this.#refilledAtMs = this.#now();
    }
    if (this.#unknownKeyLoads === 0) return false;
    this.#unknownKeyLoads -= 1;
    return true;
  }

  /** One load at a time, shared by all who wait for it. */
  #load(): Promise<KeySet> {
    if (this.#loading === undefined && this.#now() < this.#pausedUntilMs) {
      return Promise.reject(new KeysUnavailableError());
    }
    this.#loading ??= this.#loadNow().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #loadNow(): Promise<KeySet> {
    try {
      const keys = toKeySet(await fetchKeys(this.#url));
      this.#held = { keys, loadedAtMs: this.#now() };
      if (this.#isFailing) this.#log.info("the issuer's keys can be loaded again");
      this.#isFailing = false;
      return keys;
    } catch (error) {
      this.#pausedUntilMs = this.#now() + PAUSE_MS;
      const hasKeys = this.#held !== undefined;
      if (!this.#isFailing) {
        this.#log.warn({ reason: toReason(error), hasKeys }, "the issuer's keys cannot be loaded");
      }
      this.#isFailing = true;
      throw new KeysUnavailableError();
    }
  }
}

/** What the URL answered is no key set. */
class UnusableAnswerError extends Error {}

async function fetchKeys(url: string): Promise<JSONWebKeySet> {
  const response = await fetch(url, {
    headers: { accept: "application/jwk-set+json, application/json" },
    // Keys come from where the configuration says, and from nowhere else.
    redirect: "error",
    signal: AbortSignal.timeout(LOAD_TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new UnusableAnswerError(`HTTP status ${response.status}`);
  }
  const keys: unknown = parse(await readBounded(response));
  if (!isKeySet(keys)) throw new UnusableAnswerError("no JSON Web Key Set");
  return keys;
}

async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > MAX_BYTES) throw new UnusableAnswerError(`more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === "object" && value !== null && "keys" in value && Array.isArray(value.keys)
  );
}

/** Not the message of what fetch throws: it may quote the URL, which may hold a password. */
function toReason(error: unknown): string {
  if (error instanceof UnusableAnswerError) return error.message;
  if (!(error instanceof Error)) return "unknown";
  const { cause } = error;
  return cause instanceof Error && "code" in cause ? String(cause.code) : error.name;
}

// Keys of an issuer from a file: PEM, a JSON Web Key or a set of them, read again when the file changes.
import { createPublicKey } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import type { JSONWebKeySet, JWK } from "jose";
import type { Log } from "../log.ts";
import { StartError } from "../start-error.ts";
import { type KeySet, type TokenKeySource, toKeySet } from "./token-keys.ts";

/** How often at most the file is looked at while its keys do. */
const LOOK_EVERY_MS = 1_000;
const MAX_FILE_BYTES = 256 * 1024;
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----/gs;
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/** Rejects with a `StartError` when the file holds no public keys. */
export async function openKeysFile(path: string, log: Pick<Log, "warn">): Promise<TokenKeySource> {
  let held = await readKeys(path).catch((error: unknown) => {
    throw new StartError(`auth.jwt.publicKeyFile: ${toMessage(error)}`);
  });
  let lookedAtMs = performance.now();
  let version = await toVersion(path);
  let looking: Promise<void> | undefined;

  /** Whoever changes the file may be in the middle of it: what cannot be read leaves the old keys in force. */
  async function look(): Promise<void> {
    lookedAtMs = performance.now();
    const now = await toVersion(path);
    if (now === version) return;
    version = now;
    try {
      held = await readKeys(path);
    } catch (error) {
      log.warn({ path, reason: toMessage(error) }, "the changed key file is left aside");
    }
  }

  const lookOnce = () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  return {
    async current() {
      if (performance.now() - lookedAtMs > LOOK_EVERY_MS) await lookOnce();
      return held;
    },
    async replacementOf(keys) {
      await lookOnce();
      return held === keys ? undefined : held;
    },
  };
}

/** Tells one state of the file from another, also where a link now leads to another file. */
async function toVersion(path: string): Promise<string> {
  const status = await stat(path).catch(() => undefined);
  return status === undefined ? "none" : `${status.ino} ${status.mtimeMs} ${status.size}`;
}

async function readKeys(path: string): Promise<KeySet> {
  const { size } = await stat(path);
  if (size > MAX_FILE_BYTES) throw new Error(`${path} is larger than ${MAX_FILE_BYTES} bytes`);
  const text = (await readFile(path, "utf8")).trim();
  const keys = text.startsWith("{") ? fromJson(text, path) : fromPem(text, path);
  if (keys.length === 0) throw new Error(`${path} holds no key: expected PEM, a JWK or a JWKS`);
  const isSecret = (jwk: JWK) =>
    jwk.kty === "oct" || PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name));
  if (keys.some(isSecret)) throw new Error(`${path} holds a private or symmetric key`);
  const set: JSONWebKeySet = { keys };
  // PEM has no names for keys, and tokens name them all the same.
  return toKeySet(set, true);
}

function fromJson(text: string, path: string): JWK[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`${path} is no JSON`);
  }
  const list = isObject(value) && Array.isArray(value["keys"]) ? value["keys"] : [value];
  return list.filter(isJwk);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isJwk(value: unknown): value is JWK {
  return isObject(value) && typeof value["kty"] === "string";
}

function fromPem(text: string, path: string): JWK[] {
  return [...text.matchAll(PEM_BLOCK)].map(([block, label = ""]) => {
    // The public half could be computed from it, but a private key has no business here.
    if (label.includes("PRIVATE")) throw new Error(`${path} holds a private key`);
    try {
      return createPublicKey(block).export({ format: "jwk" });
    } catch {
      throw new Error(`${path} holds a ${label} that cannot be read`);
    }
  });
}

function toMessage(error: unknown): string {
  return error instanceof Error ? error.message : "unknown";
}

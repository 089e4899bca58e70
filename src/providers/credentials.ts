// What signs a cloud call: the shape that both clouds share, and where it comes from.
import type { Log } from "../log.ts";
import type { Secret } from "../secret.ts";

/** What a request is signed with. */
export interface Credential {
  readonly accessKeyId: string;
  readonly accessKeySecret: Secret;
  /** The session token of temporary (STS) credentials. */
  readonly securityToken?: Secret;
}

/** Where the credential of one connection comes from: the configuration, or a vendor's own provider chain. */
export interface CredentialSource {
  /** The credential to sign with now. Rejects when none can be had; a failure is never remembered. */
  get(): Promise<Credential>;
  /** Fetch a new one before the next use, because the cloud refused this one. Nothing to do for static ones. */
  refresh(refused: Credential): void;
}

/** Whether both sign alike. */
export function isSameCredential(left: Credential, right: Credential): boolean {
  return (
    left.accessKeyId === right.accessKeyId &&
    left.accessKeySecret.reveal() === right.accessKeySecret.reveal() &&
    left.securityToken?.reveal() === right.securityToken?.reveal()
  );
}

/** A credential from the configuration, which never changes. */
export function createStaticSource(credential: Credential): CredentialSource {
  return { get: async () => credential, refresh() {} };
}

/** No credential could be had. Its message names no cause, because a vendor's text of it may quote secrets. */
export class CredentialError extends Error {
  override readonly name = "CredentialError";
}

export interface LoadedCredential {
  readonly credential: Credential;
  /** From now on, in milliseconds: no time of day, which may jump. Left out for a credential that does not expire. */
  readonly validForMs?: number | undefined;
}

export interface RefreshingSourceOptions {
  /** What is loaded, for people: `the Tencent Cloud credential chain`. */
  readonly title: string;
  load(): Promise<LoadedCredential>;
  /** How long before its expiry a credential is replaced in the background. Default five minutes. */
  readonly refreshAheadMs?: number;
  /** The longest that one load may take. Default 10,000: the vendors' own have no limit everywhere. */
  readonly loadTimeoutMs?: number;
  readonly log: Pick<Log, "warn">;
}

/** After a failed load the next waits this long. */
const PAUSE_MS = 1_000;
/** After a load that a refusal called for, the next refusal calls for none: what came is refused as well. */
const REFUSED_PAUSE_MS = 10_000;

/** A credential that is loaded when it is first wanted, and again before it expires or after it was refused. */
export function createRefreshingSource({
  title,
  load,
  refreshAheadMs = 5 * 60_000,
  loadTimeoutMs = 10_000,
  log,
}: RefreshingSourceOptions): CredentialSource {
  const now = () => performance.now();
  let current: { readonly credential: Credential; readonly expiresAtMs: number } | undefined;
  let isRefused = false;
  let refreshAtMs = 0;
  let loading: Promise<Credential> | undefined;
  let pausedUntilMs = Number.NEGATIVE_INFINITY;
  let refusalsPausedUntilMs = Number.NEGATIVE_INFINITY;
  let failure: CredentialError | undefined;

  /** One load at a time, shared by all who ask meanwhile. */
  function loadOnce(): Promise<Credential> {
    if (failure && now() < pausedUntilMs) return Promise.reject(failure);
    loading ??= loadNow().finally(() => {
      loading = undefined;
    });
    return loading;
  }

  async function loadNow(): Promise<Credential> {
    try {
      const loaded = await withinTime(load(), loadTimeoutMs);
      const isSame =
        current !== undefined && isSameCredential(current.credential, loaded.credential);
      if (isRefused) refusalsPausedUntilMs = now() + REFUSED_PAUSE_MS;
      const credential = isSame && current ? current.credential : loaded.credential;
      const { validForMs = Number.POSITIVE_INFINITY } = loaded;
      current = { credential, expiresAtMs: now() + validForMs };
      refreshAtMs = toRefreshAtMs(current.expiresAtMs);
      isRefused = false;
      failure = undefined;
      return credential;
    } catch (error) {
      log.warn({ reason: toSafeReason(error) }, `No credential from ${title}`);
      failure = new CredentialError(`No credential could be had from ${title}`);
      pausedUntilMs = now() + PAUSE_MS;
      throw failure;
    }
  }

  function toRefreshAtMs(expiresAtMs: number): number {
    // A short-lived credential is replaced at half of its time, or every call would load one.
    const aheadMs = Math.min(refreshAheadMs, (expiresAtMs - now()) / 2);
    return Math.max(expiresAtMs - aheadMs, now() + PAUSE_MS);
  }

  return {
    async get() {
      if (!current || isRefused) return loadOnce();
      const { credential, expiresAtMs } = current;
      if (now() < Math.min(refreshAtMs, expiresAtMs)) return credential;
      const next = loadOnce();
      if (now() >= expiresAtMs) return next;
      // Still valid: the log has the failure, and the next call tries again.
      next.catch(() => {});
      return credential;
    },
    refresh(refused) {
      if (refused === current?.credential && now() >= refusalsPausedUntilMs) isRefused = true;
    },
  };
}

async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: timedOut, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([work, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The beginning of an error's message, up to where it may quote an answer.
 * The vendors' providers put whole answers, keys included, into the texts of their errors.
 */
function toSafeReason(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const [start = ""] = error.message.split(/[{"<\n]|result:|message =|reason:|OIDC:/, 1);
  return start.slice(0, 300).trim();
}

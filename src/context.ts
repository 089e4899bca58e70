// What lives for one request: who asks, until when an answer is wanted, and the loader.
import type { ExecutionResult } from "graphql";
import { CacheTags } from "./cache-tags.ts";
import type { DeviceDirectory } from "./device/device-directory.ts";
import { CertificateLoader } from "./device-certificate/certificate.loader.ts";
import type { CertificateCatalog } from "./device-certificate/certificate-id.ts";
import { RequestError } from "./errors.ts";
import type { ActionUse } from "./providers/connect.ts";
import { AnswerFreshness } from "./retrieval/answer-freshness.ts";
import type { Retrieval } from "./retrieval/retrieval.ts";
import type { Scope } from "./scopes.ts";
import { SealedSecrets } from "./secrets/sealed-secrets.ts";
import type { SecretsDesk } from "./secrets/secrets-desk.ts";

/** Who asks. */
export interface Caller {
  readonly scopes: ReadonlySet<string>;
  /** What the token or the gateway calls the caller, for the audit; `null` where nobody says. */
  readonly subject: string | null;
}

export interface RequestContext {
  /** When the request came, on the clock of `performance.now()`. */
  readonly arrivedAtMs: number;
  readonly caller: Caller;
  readonly certificates: CertificateLoader;
  readonly devices: DeviceDirectory;
  readonly secrets: SealedSecrets;
  /** For how long the answer may be kept by others. */
  readonly freshness: AnswerFreshness;
  /** By which names they can drop it. */
  readonly cacheTags: CacheTags;
  readonly maxEntities: number;
  /** What the calls of each kind are doing now. */
  readonly actions: readonly (() => Promise<ActionUse>)[];
  /** What the operation gave, where it was executed before Apollo Server was asked: see engine.ts. */
  readonly executed?: Promise<ExecutionResult>;
  /** Whether nobody asked: see rehearsal.ts. It is not counted. */
  readonly isRehearsal?: boolean;
}

/** What requests share, for as long as the process lives. */
export interface Subgraph {
  readonly catalog: CertificateCatalog;
  readonly retrieval: Retrieval;
  readonly devices: DeviceDirectory;
  /** `undefined` while no secrets are handed out. */
  readonly secretsDesk: SecretsDesk | undefined;
  readonly actions: readonly (() => Promise<ActionUse>)[];
  readonly answer: { readonly withinMs: number; readonly maxEntities: number };
}

/** One request, as it came. */
export interface Arrival {
  /** For the audit. */
  readonly requestId: string;
  /** When its head was read, on the clock of `performance.now()`: what it waits for the processor counts too. */
  readonly arrivedAtMs: number;
  /** Aborted when the client went away before it had its answer. */
  readonly signal?: AbortSignal | undefined;
}

export function createRequestContext(
  { catalog, retrieval, devices, secretsDesk: desk, actions, answer }: Subgraph,
  caller: Caller,
  { requestId, arrivedAtMs, signal }: Arrival,
): RequestContext {
  const requester = { deadlineMs: arrivedAtMs + answer.withinMs, signal };
  const freshness = new AnswerFreshness();
  return {
    arrivedAtMs,
    caller,
    certificates: new CertificateLoader({ catalog, retrieval, requester, freshness }),
    freshness,
    cacheTags: new CacheTags(),
    devices,
    secrets: new SealedSecrets({
      catalog,
      desk,
      requester,
      subject: caller.subject,
      requestId,
    }),
    maxEntities: answer.maxEntities,
    actions,
  };
}

/** Throws `FORBIDDEN` unless the caller holds all of these scopes. */
export function requireScopes({ scopes }: Caller, requiredScopes: readonly Scope[]): void {
  const missing = requiredScopes.filter((scope) => !scopes.has(scope));
  if (missing.length === 0) return;
  throw new RequestError("FORBIDDEN", `This field needs the scope ${missing.join(" and ")}.`, {
    requiredScopes,
  });
}

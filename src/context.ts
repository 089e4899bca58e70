// What lives for one request: who asks, until when an answer is wanted, and the loader.
import { CertificateLoader } from "./device-certificate/certificate.loader.ts";
import type { CertificateCatalog } from "./device-certificate/certificate-id.ts";
import type { Retrieval } from "./retrieval/retrieval.ts";
import type { Scope } from "./scopes.ts";

/** Who asks. */
export interface Caller {
  readonly scopes: ReadonlySet<string>;
}

export interface RequestContext {
  readonly caller: Caller;
  readonly certificates: CertificateLoader;
  readonly maxEntities: number;
}

/** What requests share, for as long as the process lives. */
export interface Subgraph {
  readonly catalog: CertificateCatalog;
  readonly retrieval: Retrieval;
  readonly answer: { readonly withinMs: number; readonly maxEntities: number };
}

export function createRequestContext(
  { catalog, retrieval, answer }: Subgraph,
  caller: Caller,
): RequestContext {
  const deadlineMs = performance.now() + answer.withinMs;
  return {
    caller,
    certificates: new CertificateLoader({ catalog, retrieval, deadlineMs }),
    maxEntities: answer.maxEntities,
  };
}

export function holdsScope({ scopes }: Caller, scope: Scope): boolean {
  return scopes.has(scope);
}

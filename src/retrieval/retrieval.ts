// Answers a set of certificate ids before a deadline: from the cache, from calls in flight, or by new calls.
import { GraphQLError } from "graphql";
import type {
  CertificateReference,
  ConnectedProduct,
} from "../device-certificate/certificate-id.ts";
import type { CertificateFacts } from "../device-certificate/device-certificate.ts";
import type { CertificateRequest } from "../device-certificate/product.ts";
import { ProviderError } from "../errors.ts";
import type { Log } from "../log.ts";
import { type CallProgress, createProgress } from "../quota/quota.ts";
import type { CachedReading, CertificateCache } from "./certificate-cache.ts";

/** What one request wants to know of one certificate. */
export interface Lookup {
  readonly reference: CertificateReference;
  /** Whether a field is wanted that costs a call of its own. */
  readonly needsDetail: boolean;
}

/** What the clouds say, or said before: `facts` is `null` where the cloud has no such certificate. */
export interface Retrieved {
  readonly facts: CertificateFacts | null;
  readonly fetchedAt: Date;
  /** Older than its freshness, because it could not be read anew in time. */
  readonly stale: boolean;
}

/** A certificate that is being read, for everybody who asks meanwhile. */
interface Flight {
  readonly reading: Promise<CachedReading>;
  readonly hasDetail: boolean;
  readonly progress: CallProgress;
}

/** When to ask again for a certificate whose call was sent but is not answered yet, in milliseconds. */
const RETRY_SENT_MS = 1_000;

export interface RetrievalOptions {
  readonly cache: CertificateCache;
  readonly log: Log;
}

/** Lives as long as the process. */
export class Retrieval {
  readonly #cache: CertificateCache;
  readonly #log: Log;
  readonly #flights = new Map<string, Flight>();

  constructor({ cache, log }: RetrievalOptions) {
    this.#cache = cache;
    this.#log = log;
  }

  /**
   * One promise a lookup, in order, each settled at the deadline at the latest: with what is fresh, else with what is
   * stale, else rejected. Calls go on past the deadline, into the cache. `deadlineMs` is on the monotonic clock.
   */
  load(lookups: readonly Lookup[], deadlineMs: number): Promise<Retrieved>[] {
    const expiry = createExpiry(deadlineMs);
    const held = lookups.map(({ reference, needsDetail }) =>
      this.#cache.find(reference.canonicalId, needsDetail),
    );
    this.#fetch(
      lookups.filter(
        ({ reference, needsDetail }, index) =>
          !held[index]?.isFresh && !this.#findFlight(reference.canonicalId, needsDetail),
      ),
    );
    const answers = lookups.map((lookup, index) => {
      const cached = held[index];
      return cached?.isFresh
        ? Promise.resolve(toRetrieved(cached.cached, false))
        : this.#answer(lookup, cached?.cached, expiry.promise);
    });
    void Promise.allSettled(answers).then(expiry.cancel);
    return answers;
  }

  async #answer(
    { reference, needsDetail }: Lookup,
    stale: CachedReading | undefined,
    expiry: Promise<"expired">,
  ): Promise<Retrieved> {
    const { canonicalId, connected } = reference;
    const flight = this.#findFlight(canonicalId, needsDetail);
    if (flight === undefined)
      throw new Error(`nobody reads a ${connected.product.prefix} that was asked for`);
    try {
      const outcome = await Promise.race([flight.reading, expiry]);
      if (outcome !== "expired") return toRetrieved(outcome, false);
      throw toTooLate(connected, flight.progress);
    } catch (error) {
      // A stale value beats a cloud's failure, but not an answer that says what the caller did wrong.
      if (stale && error instanceof ProviderError) return toRetrieved(stale, true);
      throw error;
    }
  }

  #findFlight(canonicalId: string, needsDetail: boolean): Flight | undefined {
    const flight = this.#flights.get(canonicalId);
    return flight !== undefined && (flight.hasDetail || !needsDetail) ? flight : undefined;
  }

  /** Starts one flight for each certificate, all of one product and connection together. */
  #fetch(lookups: readonly Lookup[]): void {
    const bySource = Map.groupBy(joinSpellings(lookups), (lookup) => lookup.reference.connected);
    for (const [{ source }, group] of bySource) {
      const requests = group.map(
        ({ reference, needsDetail }): CertificateRequest => ({
          key: reference.key,
          needsDetail,
          progress: createProgress(),
        }),
      );
      const readings = source.fetch(requests);
      for (const [index, { reference }] of group.entries()) {
        const request = requests[index];
        const reading = readings[index];
        if (request && reading) this.#follow(reference, request, reading);
      }
    }
  }

  #follow(
    { canonicalId, connected }: CertificateReference,
    { needsDetail, progress }: CertificateRequest,
    fetched: ReturnType<ConnectedProduct["source"]["fetch"]>[number],
  ): void {
    const reading = fetched.then((value) => this.#cache.store(canonicalId, value));
    const flight: Flight = { reading, hasDetail: needsDetail, progress };
    this.#flights.set(canonicalId, flight);
    const land = () => {
      if (this.#flights.get(canonicalId) === flight) this.#flights.delete(canonicalId);
    };
    reading.then(land, (error: unknown) => {
      land();
      this.#logUnexpected(connected, error);
    });
  }

  #logUnexpected({ product, connection }: ConnectedProduct, error: unknown): void {
    if (error instanceof GraphQLError) return;
    this.#log.error(
      { provider: product.prefix, connection, err: error },
      "reading a certificate failed",
    );
  }
}

/** One lookup a certificate, with detail if any of them needs it. */
function joinSpellings(lookups: readonly Lookup[]): Lookup[] {
  const joined = new Map<string, Lookup>();
  for (const lookup of lookups) {
    const { canonicalId } = lookup.reference;
    const other = joined.get(canonicalId);
    if (other === undefined || (lookup.needsDetail && !other.needsDetail)) {
      joined.set(canonicalId, lookup);
    }
  }
  return [...joined.values()];
}

function toRetrieved({ reading, fetchedAt }: CachedReading, stale: boolean): Retrieved {
  return { facts: reading?.facts ?? null, fetchedAt, stale };
}

function toTooLate(
  { product, connection }: ConnectedProduct,
  { isSent, estimateWaitMs }: CallProgress,
): ProviderError {
  const origin = { provider: product.prefix, connection };
  if (isSent) {
    return new ProviderError("PROVIDER_TIMEOUT", {
      origin,
      message: "The cloud did not answer in time.",
      retryAfterMs: RETRY_SENT_MS,
    });
  }
  return new ProviderError("PROVIDER_THROTTLED", {
    origin,
    message: "The cloud's quota could not serve this in time.",
    retryAfterMs: Math.max(RETRY_SENT_MS, estimateWaitMs()),
  });
}

function createExpiry(deadlineMs: number): { promise: Promise<"expired">; cancel: () => void } {
  const { promise, resolve } = Promise.withResolvers<"expired">();
  const timer = setTimeout(() => resolve("expired"), Math.max(0, deadlineMs - performance.now()));
  return { promise, cancel: () => clearTimeout(timer) };
}

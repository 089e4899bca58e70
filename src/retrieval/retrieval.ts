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
import { CallTicket, type Requester } from "../quota/quota.ts";
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
  readonly ticket: CallTicket;
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
   * One promise a lookup, in order, each settled at the requester's deadline at the latest: with what is fresh, else
   * with what is stale, else rejected. Calls go on past the deadline, into the cache.
   */
  load(lookups: readonly Lookup[], requester: Requester): Promise<Retrieved>[] {
    const held = lookups.map(({ reference, needsDetail }) =>
      this.#cache.find(reference.canonicalId, needsDetail),
    );
    const flights = this.#board(
      lookups.filter((_, index) => !held[index]?.isFresh),
      requester,
    );
    const expiry = createExpiry(requester.deadlineMs);
    if (isHopeless([...flights.values()], requester)) expiry.now();
    const answers = lookups.map((lookup, index) => {
      const cached = held[index];
      const flight = flights.get(lookup);
      if (flight !== undefined) return awaitFlight(lookup, flight, cached?.cached, expiry.promise);
      if (cached !== undefined) return Promise.resolve(toRetrieved(cached.cached, false));
      return Promise.reject(new Error("nobody reads a certificate that was asked for"));
    });
    void Promise.allSettled(answers).then(expiry.cancel);
    return answers;
  }

  /** A flight for each lookup: one that is under way already, or a new one. */
  #board(lookups: readonly Lookup[], requester: Requester): Map<Lookup, Flight> {
    const flights = new Map<Lookup, Flight>();
    const missing: Lookup[] = [];
    for (const lookup of lookups) {
      const flight = this.#findFlight(lookup);
      if (flight === undefined) missing.push(lookup);
      else flight.ticket.join(requester);
    }
    this.#start(joinSpellings(missing), requester);
    for (const lookup of lookups) {
      const flight = this.#findFlight(lookup);
      if (flight !== undefined) flights.set(lookup, flight);
    }
    return flights;
  }

  #findFlight({ reference, needsDetail }: Lookup): Flight | undefined {
    const flight = this.#flights.get(reference.canonicalId);
    return flight !== undefined && (flight.hasDetail || !needsDetail) ? flight : undefined;
  }

  /** Starts one flight for each certificate, all of one product and connection together. */
  #start(lookups: readonly Lookup[], requester: Requester): void {
    const bySource = Map.groupBy(lookups, (lookup) => lookup.reference.connected);
    for (const [{ source }, group] of bySource) {
      const requests = group.map(
        ({ reference, needsDetail }): CertificateRequest => ({
          key: reference.key,
          needsDetail,
          ticket: new CallTicket(requester),
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
    { needsDetail, ticket }: CertificateRequest,
    fetched: ReturnType<ConnectedProduct["source"]["fetch"]>[number],
  ): void {
    const reading = fetched.then((value) => this.#cache.store(canonicalId, value));
    const flight: Flight = { reading, hasDetail: needsDetail, ticket };
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

async function awaitFlight(
  { reference }: Lookup,
  { reading, ticket }: Flight,
  stale: CachedReading | undefined,
  expiry: Promise<"expired">,
): Promise<Retrieved> {
  try {
    const outcome = await Promise.race([reading, expiry]);
    if (outcome !== "expired") return toRetrieved(outcome, false);
    throw toTooLate(reference.connected, ticket);
  } catch (error) {
    // A stale value beats a cloud's failure, but not an answer that says what the caller did wrong.
    if (stale && error instanceof ProviderError) return toRetrieved(stale, true);
    throw error;
  }
}

/** How far an estimate must be past the deadline before it is believed. */
const HOPELESS_FACTOR = 1.5;

/** Whether nothing that is still missing can be there in time, so that waiting would be in vain. */
function isHopeless(flights: readonly Flight[], { deadlineMs }: Requester): boolean {
  const leftMs = deadlineMs - performance.now();
  return (
    flights.length > 0 &&
    flights.every(({ ticket }) => ticket.estimateWaitMs() > leftMs * HOPELESS_FACTOR)
  );
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

function toTooLate({ product, connection }: ConnectedProduct, ticket: CallTicket): ProviderError {
  const origin = { provider: product.prefix, connection };
  if (ticket.isSent) {
    return new ProviderError("PROVIDER_TIMEOUT", {
      origin,
      message: "The cloud did not answer in time.",
      retryAfterMs: RETRY_SENT_MS,
    });
  }
  return new ProviderError("PROVIDER_THROTTLED", {
    origin,
    message: "The cloud's quota could not serve this in time; it is on its way.",
    retryAfterMs: Math.max(RETRY_SENT_MS, ticket.estimateWaitMs()),
  });
}

interface Expiry {
  readonly promise: Promise<"expired">;
  now(): void;
  cancel(): void;
}

function createExpiry(deadlineMs: number): Expiry {
  const { promise, resolve } = Promise.withResolvers<"expired">();
  const now = () => resolve("expired");
  const timer = setTimeout(now, Math.max(0, deadlineMs - performance.now()));
  return { promise, now, cancel: () => clearTimeout(timer) };
}

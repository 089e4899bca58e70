// Answers a set of certificate ids before a deadline: from the cache, from calls in flight, or by new calls.
import { GraphQLError } from "graphql";
import type { CertificateReference } from "../device-certificate/certificate-id.ts";
import type { CertificateFacts } from "../device-certificate/device-certificate.ts";
import type { CertificateRequest, CertificateSource } from "../device-certificate/product.ts";
import type { Sharing } from "../device-certificate/sharing.ts";
import { ProviderError } from "../errors.ts";
import type { Log } from "../log.ts";
import { CallTicket, NotNeededError, type Requester } from "../quota/quota.ts";
import { type CachedReading, type CertificateCache, toNeededDepth } from "./certificate-cache.ts";
import { createExpiry, createFailureWatch, type Expiry, onAbort } from "./end-of-waiting.ts";
import { SharedReader } from "./shared-reader.ts";
import { DEPTH, type Depth, type SharedStore } from "./shared-store.ts";
import { toTooLate } from "./too-late.ts";

/** What one request wants to know of one certificate. */
export interface Lookup {
  readonly reference: CertificateReference;
  /** Whether a field is wanted that costs a call of its own. */
  readonly needsDetail: boolean;
  /** Whether a field is wanted that never comes from another replica. By default as `needsDetail`, which is safe. */
  readonly needsUnshared?: boolean;
}

/** What the clouds say, or said before: `facts` is `null` where the cloud has no such certificate. */
export interface Retrieved {
  readonly facts: CertificateFacts | null;
  readonly fetchedAt: Date;
  /** Older than its freshness, because it could not be read anew in time. */
  readonly stale: boolean;
  /** Until when it is fresh, on the monotonic clock. */
  readonly freshUntilMs: number;
}

/** A certificate that is being read, for everybody who asks meanwhile. */
interface Flight {
  readonly reading: Promise<CachedReading>;
  readonly depth: Depth;
  readonly ticket: CallTicket;
  /** When the ticket can tell how long it will take; `undefined` when it can already. */
  readonly placed: Promise<unknown> | undefined;
  /** Who waits for it still. Who does not any more leaves nothing behind, however long the reading takes. */
  readonly waits: Set<Wait>;
}

/** A lookup that waits for its flight. */
interface Wait {
  readonly lookup: Lookup;
  readonly flight: Flight;
  /** What is held, to be served when it cannot be read anew in time. */
  readonly stale: CachedReading | undefined;
  readonly requester: Requester;
  readonly resolve: (retrieved: Retrieved | Promise<Retrieved>) => void;
  readonly reject: (error: unknown) => void;
  readonly onOver: () => void;
}

/** A certificate that gets a flight of its own. */
interface Boarding {
  readonly reference: CertificateReference;
  readonly request: CertificateRequest;
  readonly depth: Depth;
}

export interface RetrievalOptions {
  readonly cache: CertificateCache;
  readonly log: Log;
  /** What all replicas share. By default this process reads for itself. */
  readonly shared?: SharedStore | undefined;
}

/** Lives as long as the process. */
export class Retrieval {
  readonly #cache: CertificateCache;
  readonly #log: Log;
  readonly #flights = new Map<string, Flight>();
  readonly #shared: SharedReader | undefined;

  constructor({ cache, log, shared }: RetrievalOptions) {
    this.#cache = cache;
    this.#log = log;
    this.#shared = shared && new SharedReader({ store: shared, cache });
  }

  /** What is held and fresh, without waiting. */
  findFresh(lookup: Lookup): Retrieved | undefined {
    const held = this.#findHeld(lookup);
    if (!held?.isFresh) return undefined;
    const { reading, fetchedAt } = held.cached;
    const { freshUntilMs } = held;
    return { facts: reading?.facts ?? null, fetchedAt, stale: false, freshUntilMs };
  }

  /**
   * One promise a lookup, in order, each settled at the requester's deadline at the latest: with what is fresh, else
   * with what is stale, else rejected. Calls go on past the deadline, into the cache; when the requester's client went
   * away, only those that were sent already or that somebody else waits for.
   */
  load(lookups: readonly Lookup[], requester: Requester): Promise<Retrieved>[] {
    const held = lookups.map((lookup) => this.#findHeld(lookup));
    const flights = this.#board(
      lookups.filter((_, index) => !held[index]?.isFresh),
      requester,
    );
    const waits: Wait[] = [];
    const answers = lookups.map((lookup, index) => {
      const stale = held[index]?.cached;
      const flight = flights.get(lookup);
      if (flight !== undefined) {
        const { promise, resolve, reject } = Promise.withResolvers<Retrieved>();
        waits.push({ lookup, flight, stale, requester, resolve, reject, onOver });
        return promise;
      }
      if (stale !== undefined) return Promise.resolve(this.#toRetrieved(stale, false));
      return Promise.reject(new Error("nobody reads a certificate that was asked for"));
    });
    let waiting = waits.length;
    const stop = this.#endInTime(waits, flights, requester);
    if (waiting === 0) stop();
    return answers;

    function onOver(): void {
      waiting -= 1;
      if (waiting === 0) stop();
    }
  }

  #findHeld({ reference, needsDetail, needsUnshared }: Lookup) {
    return this.#cache.find(reference.canonicalId, needsDetail, needsUnshared);
  }

  #toRetrieved(cached: CachedReading, stale: boolean): Retrieved {
    const { reading, fetchedAt, storedAtMs } = cached;
    const freshUntilMs = storedAtMs + this.#cache.toLifetime(cached).freshMs;
    return { facts: reading?.facts ?? null, fetchedAt, stale, freshUntilMs };
  }

  /** Ends the waits when the time is over, or there is no hope, or nobody waits for the answer; until it is stopped. */
  #endInTime(
    waits: readonly Wait[],
    flights: ReadonlyMap<Lookup, Flight>,
    requester: Requester,
  ): () => void {
    const expiry = createExpiry(requester.deadlineMs);
    const failure = createFailureWatch();
    this.#expireWhenHopeless([...flights.values()], requester, expiry);
    const stopWatching = onAbort(requester.signal, () => {
      expiry.now();
      this.#leaveUnwanted(flights);
    });
    for (const wait of waits) {
      wait.flight.waits.add(wait);
      // Who has something in reserve does not wait for a cloud that fails.
      if (wait.stale === undefined) continue;
      void failure.of(wait.lookup.reference.connected.source).then(() => this.#expire(wait));
    }
    void expiry.promise.then(() => {
      for (const wait of waits) this.#expire(wait);
    });
    return () => {
      expiry.cancel();
      failure.cancel();
      stopWatching();
    };
  }

  #expireWhenHopeless(flights: readonly Flight[], requester: Requester, expiry: Expiry): void {
    const look = () => {
      if (isHopeless(flights, requester)) expiry.now();
    };
    const placed = new Set(flights.map((flight) => flight.placed));
    if (placed.size === 1 && placed.has(undefined)) look();
    else void Promise.all(placed).then(look);
  }

  #expire(wait: Wait): void {
    const { lookup, flight } = wait;
    if (!flight.waits.has(wait)) return;
    this.#fail(wait, toTooLate(lookup.reference.connected, flight.ticket));
  }

  #succeed(wait: Wait, cached: CachedReading): void {
    wait.flight.waits.delete(wait);
    wait.resolve(this.#toRetrieved(cached, false));
    wait.onOver();
  }

  #fail(wait: Wait, error: unknown): void {
    wait.flight.waits.delete(wait);
    const instead = this.#findInstead(wait, error);
    if (instead === undefined) wait.reject(error);
    else wait.resolve(instead);
    wait.onOver();
  }

  #findInstead(
    { lookup, stale, requester }: Wait,
    error: unknown,
  ): Retrieved | Promise<Retrieved> | undefined {
    // Whoever it was made for went away in the moment in which this requester joined.
    if (error instanceof NotNeededError && requester.signal?.aborted !== true) {
      return this.#loadAgain(lookup, requester);
    }
    // A stale value beats a cloud's failure, but not an answer that says what the caller did wrong.
    if (!(error instanceof ProviderError)) return undefined;
    // Meanwhile another flight, or another replica, may have brought something better.
    const held = this.#findHeld(lookup);
    if (held !== undefined) return this.#toRetrieved(held.cached, !held.isFresh);
    return stale && this.#toRetrieved(stale, true);
  }

  async #loadAgain(lookup: Lookup, requester: Requester): Promise<Retrieved> {
    const [answer] = this.load([lookup], requester);
    if (answer === undefined) throw new NotNeededError();
    return answer;
  }

  /** Ends the flights that nobody waits for any more, as far as their calls were not sent. */
  #leaveUnwanted(flights: ReadonlyMap<Lookup, Flight>): void {
    for (const [{ reference }, flight] of flights) {
      // At once, so that nobody boards it in the moment in which it ends.
      if (flight.ticket.leaveUnwanted()) this.#land(reference, flight);
    }
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

  #findFlight(lookup: Lookup): Flight | undefined {
    const flight = this.#flights.get(lookup.reference.canonicalId);
    return flight !== undefined && flight.depth >= toDepthOf(lookup) ? flight : undefined;
  }

  /** Starts one flight for each certificate, all of one product and connection together. */
  #start(lookups: readonly Lookup[], requester: Requester): void {
    const bySource = Map.groupBy(lookups, (lookup) => lookup.reference.connected);
    for (const [{ product, source }, group] of bySource) {
      const boardings = group.map((lookup) => toBoarding(lookup, requester));
      if (this.#shared !== undefined && product.sharing !== undefined) {
        this.#startShared(this.#shared, product.sharing, boardings);
      } else {
        this.#startAlone(source, boardings);
      }
    }
  }

  #startAlone(source: CertificateSource, boardings: readonly Boarding[]): void {
    const fetched = source.fetch(boardings.map(({ request }) => request));
    for (const [index, { reference, request }] of boardings.entries()) {
      const reading = fetched[index]?.then((value) =>
        this.#cache.store(reference.canonicalId, value),
      );
      if (reading === undefined) continue;
      const depth = request.needsDetail ? DEPTH.whole : DEPTH.summary;
      this.#follow(reference, { reading, depth, ticket: request.ticket, placed: undefined });
    }
  }

  /** The other replicas are asked before the cloud is. */
  #startShared(shared: SharedReader, sharing: Sharing, boardings: readonly Boarding[]): void {
    const { readings, placed } = shared.read(
      boardings.map((boarding) => ({ ...boarding, sharing })),
    );
    for (const [index, { reference, request, depth }] of boardings.entries()) {
      const reading = readings[index];
      if (reading) this.#follow(reference, { reading, depth, ticket: request.ticket, placed });
    }
  }

  #land({ canonicalId }: CertificateReference, flight: Flight): void {
    if (this.#flights.get(canonicalId) === flight) this.#flights.delete(canonicalId);
  }

  /** All that is under way is followed once: a promise for each who waits would be the larger part of the work. */
  #follow(reference: CertificateReference, begun: Omit<Flight, "waits">): void {
    const { canonicalId, connected } = reference;
    const flight: Flight = { ...begun, waits: new Set() };
    this.#flights.set(canonicalId, flight);
    const succeed = (cached: CachedReading) => {
      this.#land(reference, flight);
      for (const wait of flight.waits) this.#succeed(wait, cached);
    };
    flight.reading.then(succeed, (error: unknown) => {
      this.#land(reference, flight);
      for (const wait of flight.waits) this.#fail(wait, error);
      if (error instanceof NotNeededError) return;
      const about = { provider: connected.product.prefix, certificate: canonicalId };
      if (error instanceof ProviderError && error.isOfOneCertificate) {
        const reason = error.cause instanceof Error ? error.cause.message : undefined;
        this.#log.warn({ ...about, reason }, "a cloud's answer could not be read");
      } else if (!(error instanceof GraphQLError)) {
        this.#log.error({ ...about, err: error }, "reading a certificate failed");
      }
    });
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

/** One lookup a certificate, the one that needs most. */
function joinSpellings(lookups: readonly Lookup[]): Lookup[] {
  const joined = new Map<string, Lookup>();
  for (const lookup of lookups) {
    const { canonicalId } = lookup.reference;
    const other = joined.get(canonicalId);
    if (other === undefined || toDepthOf(lookup) > toDepthOf(other)) {
      joined.set(canonicalId, lookup);
    }
  }
  return [...joined.values()];
}

function toBoarding(lookup: Lookup, requester: Requester): Boarding {
  const { reference, needsDetail } = lookup;
  const request = { key: reference.key, needsDetail, ticket: new CallTicket(requester) };
  return { reference, request, depth: toDepthOf(lookup) };
}

function toDepthOf({ needsDetail, needsUnshared = needsDetail }: Lookup): Depth {
  return toNeededDepth(needsDetail, needsUnshared);
}

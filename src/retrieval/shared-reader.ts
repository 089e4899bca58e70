// Reads certificates together with the other replicas: what one of them reads or has read, no other one asks the cloud for.
import { setImmediate as untilNextTurn } from "node:timers/promises";
import type { CertificateReference } from "../device-certificate/certificate-id.ts";
import type { CertificateReading, CertificateRequest } from "../device-certificate/product.ts";
import type { Sharing } from "../device-certificate/sharing.ts";
import type { QueuePlace, Requester } from "../quota/quota.ts";
import { type CachedReading, type CertificateCache, toDepth } from "./certificate-cache.ts";
import { decodeReading, encodeReading, toShareable } from "./reading-codec.ts";
import type {
  Claim,
  Depth,
  LookUp,
  Settlement,
  SharedStore,
  StoredReading,
} from "./shared-store.ts";

/** How often claims are renewed, and those of others looked at, in milliseconds: a third of a claim's life. */
const BEAT_MS = 1_000;
/** At least so long between two writes, in milliseconds: answers that come one by one are stored some together. */
const SETTLE_EVERY_MS = 20;
/** So many readings are written or read as text at one go; more would keep the event loop from its requests. */
const MAX_CODED = 100;

/** One certificate to be read. */
export interface SharedRequest {
  readonly reference: CertificateReference;
  readonly sharing: Sharing;
  readonly request: CertificateRequest;
  readonly depth: Depth;
}

export interface SharedRead {
  /** One a request, in order; rejected as the source rejects, never because of the store. */
  readonly readings: readonly Promise<CachedReading>[];
  /** When every request waits for somebody: until then the tickets cannot tell how long. */
  readonly placed: Promise<void>;
}

export interface SharedReaderOptions {
  readonly store: SharedStore;
  readonly cache: CertificateCache;
}

/** A request that has no reading yet and that this replica does not make a call for. */
interface Want extends SharedRequest {
  readonly settle: (cached: CachedReading) => void;
  readonly fail: (error: unknown) => void;
  readonly place: QueuePlace;
  /** Whether the store is being asked just now; else another replica is waited for. */
  isAsking: boolean;
  /** Whether there was news while it was being asked. */
  hasNews: boolean;
  /** When the other replica thinks to have it. */
  expectedAtMs: number;
  /** Requesters that the other replica was told of. */
  toldRequesters: number;
}

interface Found extends LookUp {
  readonly want: Want;
}

interface OwnClaim extends Claim {
  readonly request: CertificateRequest;
  readonly sharing: Sharing;
  readonly sinceMs: number;
}

/** Lives as long as the process. */
export class SharedReader {
  readonly #store: SharedStore;
  readonly #cache: CertificateCache;
  readonly #wants = new Map<string, Want[]>();
  readonly #claims = new Map<string, OwnClaim>();
  #asked: Want[] = [];
  #asking: Promise<void> | undefined;
  #ended: { readonly claim: OwnClaim; readonly cached: CachedReading | undefined }[] = [];
  #settling: NodeJS.Timeout | undefined;
  #settledAtMs = Number.NEGATIVE_INFINITY;
  #beat: NodeJS.Timeout | undefined;
  #lastToken = 0;

  constructor({ store, cache }: SharedReaderOptions) {
    this.#store = store;
    this.#cache = cache;
    store.listen({
      onSettled: (canonicalIds) => this.#hearSettled(canonicalIds),
      onWanted: (canonicalIds, withinMs) => this.#hearWanted(canonicalIds, withinMs),
      onBack: () => this.#renew([...this.#claims.values()]),
    });
  }

  read(requests: readonly SharedRequest[]): SharedRead {
    const readings: Promise<CachedReading>[] = [];
    const wants = requests.map((request) => {
      const { promise, resolve, reject } = Promise.withResolvers<CachedReading>();
      readings.push(promise);
      return toWant(request, resolve, reject);
    });
    if (this.#store.isUp) return { readings, placed: this.#ask(wants) };
    this.#fetch(wants, this.#nextToken());
    return { readings, placed: Promise.resolve() };
  }

  /** All that is asked for at the same time is looked up together. */
  #ask(wants: readonly Want[]): Promise<void> {
    for (const want of wants) {
      want.isAsking = true;
      want.hasNews = false;
      this.#asked.push(want);
      const { canonicalId } = want.reference;
      const open = this.#wants.get(canonicalId) ?? [];
      if (!open.includes(want)) this.#wants.set(canonicalId, [...open, want]);
    }
    this.#asking ??= Promise.resolve().then(() => this.#lookUp());
    return this.#asking;
  }

  async #lookUp(): Promise<void> {
    const wants = this.#asked;
    this.#asked = [];
    this.#asking = undefined;
    const token = this.#nextToken();
    // Taken before the way there, so that nothing seems younger than it is.
    const askedAtMs = performance.now();
    let lookUps: readonly LookUp[];
    try {
      lookUps = await this.#store.lookUp(
        wants.map(({ reference: { canonicalId }, depth }) => ({ canonicalId, depth })),
        token,
      );
    } catch {
      this.#fetch(wants, token);
      return;
    }
    const found = wants.map((want, index): Found => ({ want, ...(lookUps[index] ?? UNKNOWN) }));
    // First what somebody has to be asked for: it need not wait until what is stored has been read.
    this.#fetch(
      found.filter(({ reader }) => reader === "us").map(({ want }) => want),
      token,
    );
    this.#await(found.filter(({ reader }) => reader === "another"));
    await this.#readStored(found, askedAtMs, token);
  }

  async #readStored(found: readonly Found[], askedAtMs: number, token: number): Promise<void> {
    const unreadable: Want[] = [];
    for (const [index, { want, stored, reader }] of found.entries()) {
      if (index > 0 && index % MAX_CODED === 0) await untilNextTurn();
      const cached = stored && this.#keep(want, stored, askedAtMs);
      if (reader !== "nobody") continue;
      if (cached === undefined) {
        unreadable.push(want);
      } else {
        this.#close(want);
        want.settle(cached);
      }
    }
    this.#fetch(unreadable, token);
  }

  /** Puts what is stored into this replica's cache; answers it if it is enough. */
  #keep(
    { reference, sharing, depth }: Want,
    stored: StoredReading,
    askedAtMs: number,
  ): CachedReading | undefined {
    const dated = decodeReading(stored.text, sharing);
    if (dated === undefined) return undefined;
    const cached: CachedReading = { ...dated, storedAtMs: askedAtMs - stored.ageMs };
    this.#cache.keep(reference.canonicalId, cached);
    return stored.isFresh && toDepth(cached.reading) >= depth ? cached : undefined;
  }

  #await(found: readonly Found[]): void {
    if (found.length === 0) return;
    const wants = found.map(({ want }) => want);
    for (const { want, waitMs } of found) {
      want.isAsking = false;
      want.expectedAtMs = performance.now() + waitMs;
      // A place says that the call waits for a quota; without one it is on its way.
      want.request.ticket.moveTo(waitMs > 0 ? want.place : undefined);
    }
    // The end of the call may have been announced before the answer that says that it is being made.
    const settled = wants.filter(({ hasNews }) => hasNews);
    if (settled.length > 0) void this.#ask(settled);
    this.#tellWanted(wants.filter(({ isAsking }) => !isAsking));
    this.#beatSoon();
  }

  /** Those who wait here have their turn there, else they would wait behind whatever the other replica does. */
  #tellWanted(wants: readonly Want[]): void {
    const byRequester = new Map<Requester, string[]>();
    for (const want of wants) {
      const { requesters } = want.request.ticket;
      const latest = findLatest(requesters.slice(want.toldRequesters));
      want.toldRequesters = requesters.length;
      if (latest === undefined) continue;
      const canonicalIds = byRequester.get(latest) ?? [];
      canonicalIds.push(want.reference.canonicalId);
      byRequester.set(latest, canonicalIds);
    }
    for (const [{ deadlineMs }, canonicalIds] of byRequester) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs > 0) this.#store.want(canonicalIds, leftMs).catch(ignore);
    }
  }

  #hearWanted(canonicalIds: readonly string[], withinMs: number): void {
    const requester: Requester = { deadlineMs: performance.now() + withinMs };
    for (const canonicalId of canonicalIds) {
      this.#claims.get(canonicalId)?.request.ticket.join(requester);
    }
  }

  #hearSettled(canonicalIds: readonly string[]): void {
    const waiting: Want[] = [];
    for (const want of canonicalIds.flatMap((canonicalId) => this.#wants.get(canonicalId) ?? [])) {
      if (want.isAsking) want.hasNews = true;
      else waiting.push(want);
    }
    if (waiting.length > 0) void this.#ask(waiting);
  }

  /** Asks the clouds, together for each source, and tells the other replicas what came of it. */
  #fetch(wants: readonly Want[], token: number): void {
    for (const want of wants) this.#close(want);
    const bySource = Map.groupBy(wants, ({ reference }) => reference.connected.source);
    for (const [source, group] of bySource) {
      const fetched = fetchAll(source, group);
      for (const [index, want] of group.entries()) {
        const reading = fetched[index];
        if (reading !== undefined) this.#follow(want, token, reading);
      }
    }
  }

  #follow(
    { reference: { canonicalId }, depth, request, sharing, settle, fail }: Want,
    token: number,
    fetched: Promise<CertificateReading | null>,
  ): void {
    const sinceMs = performance.now();
    const claim: OwnClaim = { canonicalId, depth, token, request, sharing, sinceMs };
    this.#claims.set(canonicalId, claim);
    this.#beatSoon();
    fetched.then(
      (reading) => {
        const cached = this.#cache.store(canonicalId, reading);
        settle(cached);
        this.#end(claim, cached);
      },
      (error: unknown) => {
        fail(error);
        this.#end(claim, undefined);
      },
    );
  }

  #end(claim: OwnClaim, cached: CachedReading | undefined): void {
    const { canonicalId } = claim;
    if (this.#claims.get(canonicalId) === claim) this.#claims.delete(canonicalId);
    this.#ended.push({ claim, cached });
    this.#settleSoon();
  }

  #settleSoon(): void {
    if (this.#settling !== undefined || this.#ended.length === 0) return;
    const waitMs = this.#settledAtMs + SETTLE_EVERY_MS - performance.now();
    this.#settling = setTimeout(() => this.#settle(), Math.max(0, waitMs)).unref();
  }

  #settle(): void {
    this.#settling = undefined;
    // While the store is gone there is nobody to tell, and claims there run out by themselves.
    if (!this.#store.isUp) this.#ended = [];
    const ended = this.#ended.splice(0, MAX_CODED);
    if (ended.length > 0) {
      const settlements = ended.map(({ claim, cached }) => this.#toSettlement(claim, cached));
      this.#store.settle(settlements).catch(ignore);
    }
    if (this.#ended.length > 0) setImmediate(() => this.#settle());
    else this.#settledAtMs = performance.now();
  }

  #toSettlement(claim: OwnClaim, cached: CachedReading | undefined): Settlement {
    if (cached === undefined) return { claim, reading: undefined };
    const reading = cached.reading && toShareable(cached.reading, claim.sharing);
    return {
      claim,
      reading: {
        text: encodeReading({ reading, fetchedAt: cached.fetchedAt }, claim.sharing),
        depth: toDepth(reading),
        ageMs: performance.now() - cached.storedAtMs,
        ...this.#cache.toLifetime(cached),
      },
    };
  }

  #beatSoon(): void {
    this.#beat ??= setTimeout(() => {
      this.#beat = undefined;
      this.#onBeat();
    }, BEAT_MS).unref();
  }

  #onBeat(): void {
    const waiting = [...this.#wants.values()].flat().filter(({ isAsking }) => !isAsking);
    if (this.#store.isUp) {
      const dueAtMs = performance.now() - BEAT_MS / 2;
      this.#renew([...this.#claims.values()].filter(({ sinceMs }) => sinceMs < dueAtMs));
      if (waiting.length > 0) void this.#ask(waiting);
    } else {
      // Nobody knows whether the others are still there.
      this.#fetch(waiting, this.#nextToken());
    }
    if (this.#claims.size > 0 || this.#wants.size > 0) this.#beatSoon();
  }

  #renew(claims: readonly OwnClaim[]): void {
    if (claims.length === 0 || !this.#store.isUp) return;
    const renewed = claims.map(({ canonicalId, depth, token, request }) => ({
      canonicalId,
      depth,
      token,
      waitMs: request.ticket.estimateWaitMs(),
    }));
    this.#store.renew(renewed).catch(ignore);
  }

  /** The store is not asked for it any more. */
  #close(want: Want): void {
    const { canonicalId } = want.reference;
    const others = this.#wants.get(canonicalId)?.filter((other) => other !== want) ?? [];
    if (others.length > 0) this.#wants.set(canonicalId, others);
    else this.#wants.delete(canonicalId);
    want.request.ticket.leave(want.place);
  }

  #nextToken(): number {
    this.#lastToken += 1;
    return this.#lastToken;
  }
}

const UNKNOWN: LookUp = { stored: undefined, reader: "us", waitMs: 0 };

/** Of a store that is slow or gone its own connection tells; nothing here depends on it. */
function ignore(): void {}

function toWant(request: SharedRequest, settle: Want["settle"], fail: Want["fail"]): Want {
  const want: Want = {
    ...request,
    settle,
    fail,
    place: {
      // The other replica is told of who joined with the next beat.
      join: () => {},
      estimateWaitMs: () => Math.max(0, want.expectedAtMs - performance.now()),
    },
    isAsking: false,
    hasNews: false,
    expectedAtMs: 0,
    toldRequesters: 0,
  };
  return want;
}

function fetchAll(
  source: CertificateReference["connected"]["source"],
  wants: readonly Want[],
): Promise<CertificateReading | null>[] {
  try {
    return source.fetch(wants.map(({ request }) => request));
  } catch (error) {
    return wants.map(() => Promise.reject(error));
  }
}

function findLatest(requesters: readonly Requester[]): Requester | undefined {
  let latest: Requester | undefined;
  for (const requester of requesters) {
    if (latest === undefined || requester.deadlineMs > latest.deadlineMs) latest = requester;
  }
  return latest;
}

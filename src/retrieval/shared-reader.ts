// Reads certificates together with the other replicas: what one of them reads or has read, no other one asks the cloud for.
import { setImmediate as untilNextTurn } from "node:timers/promises";
import type { CertificateReference } from "../device-certificate/certificate-id.ts";
import type { CertificateReading, CertificateRequest } from "../device-certificate/product.ts";
import type { Sharing } from "../device-certificate/sharing.ts";
import { NotNeededError, type Requester } from "../quota/quota.ts";
import { type CachedReading, type CertificateCache, toDepth } from "./certificate-cache.ts";
import { decodeReading } from "./reading-codec.ts";
import type {
  Claim,
  Expectation,
  LookUp,
  SettledReading,
  SharedStore,
  StoredReading,
} from "./shared-store.ts";
import { findLatest, type SharedRequest, toWant, type Want } from "./shared-want.ts";
import { MAX_CODED, SharedWriter } from "./shared-writer.ts";

/** How often claims are kept alive, and whether others are, in milliseconds: a third of a claim's life. */
const BEAT_MS = 1_000;
/** How often those who wait are told anew when they will have it. */
const EXPECT_EVERY_BEATS = 2;
/** What is waited for is looked up again after so long: the message that it is there may have been lost. */
const LOOK_AGAIN_MS = 5_000;

export interface SharedRead {
  /** One a request, in order; rejected as the source rejects, never because of the store. */
  readonly readings: readonly Promise<CachedReading>[];
  /** When every ticket can tell how long it takes. */
  readonly placed: Promise<unknown>;
}

export interface SharedReaderOptions {
  readonly store: SharedStore;
  readonly cache: CertificateCache;
}

interface Found extends LookUp {
  readonly want: Want;
}

interface OwnClaim extends Claim {
  readonly request: CertificateRequest;
  readonly sharing: Sharing;
  isAwaited: boolean;
}

/** Lives as long as the process. */
export class SharedReader {
  readonly #store: SharedStore;
  readonly #cache: CertificateCache;
  readonly #writer: SharedWriter;
  readonly #wants = new Map<string, Want[]>();
  readonly #claims = new Map<string, OwnClaim>();
  #asked: Want[] = [];
  #asking: Promise<void> | undefined;
  #beat: NodeJS.Timeout | undefined;
  #beats = 0;
  #lastToken = 0;

  constructor({ store, cache }: SharedReaderOptions) {
    this.#store = store;
    this.#cache = cache;
    this.#writer = new SharedWriter({ store, cache });
    store.listen({
      onSettled: (settled) => this.#hearSettled(settled),
      onWanted: (canonicalIds, withinMs) => this.#hearWanted(canonicalIds, withinMs),
      onExpected: (expectations) => this.#hearExpected(expectations),
      onBack: () => this.#renew([]),
    });
  }

  read(requests: readonly SharedRequest[]): SharedRead {
    const readings: Promise<CachedReading>[] = [];
    const wants = requests.map((request) => {
      const { promise, resolve, reject } = Promise.withResolvers<CachedReading>();
      readings.push(promise);
      return toWant(request, resolve, reject, (want) => this.#leave(want));
    });
    if (this.#store.isUp) void this.#ask(wants);
    else this.#fetch(wants, this.#nextToken());
    return { readings, placed: Promise.all(wants.map(({ placed }) => placed.promise)) };
  }

  /** All that is asked for at the same time is looked up together. */
  #ask(wants: readonly Want[]): Promise<void> {
    for (const want of wants) {
      want.isAsking = true;
      want.hasNews = false;
      want.askedAtMs = performance.now();
      // Not on its way to the cloud: who goes away takes it along.
      want.request.ticket.moveTo(want.place);
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
      this.#fetch(
        wants.filter(({ hasLeft }) => !hasLeft),
        token,
      );
      return;
    }
    const all = wants.map((want, index): Found => ({ want, ...(lookUps[index] ?? UNKNOWN) }));
    const found = all.filter(({ want }) => !want.hasLeft);
    this.#endUnneeded(
      all.filter(({ want, reader }) => want.hasLeft && reader === "us"),
      token,
    );
    // First what somebody has to be asked for: it need not wait until what is stored has been read.
    this.#fetch(
      found.filter(({ reader }) => reader === "us").map(({ want }) => want),
      token,
    );
    this.#await(found.filter(({ reader }) => reader === "another"));
    await this.#readStored(found, askedAtMs, token);
  }

  /** The store took them for ours while those who wanted them went away: whoever else waits may read them. */
  #endUnneeded(found: readonly Found[], token: number): void {
    for (const { want } of found) {
      const { reference, depth, sharing } = want;
      const claim = { canonicalId: reference.canonicalId, depth, token, isAwaited: false };
      this.#writer.add({ claim, sharing, cached: undefined });
    }
  }

  async #readStored(found: readonly Found[], askedAtMs: number, token: number): Promise<void> {
    const unreadable: Want[] = [];
    for (const [index, { want, stored, reader }] of found.entries()) {
      if (index > 0 && index % MAX_CODED === 0) await untilNextTurn();
      const cached = stored && this.#keep(want, stored, askedAtMs);
      if (reader !== "nobody") continue;
      if (cached === undefined) unreadable.push(want);
      else this.#answer(want, cached);
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
    for (const { want, owner } of found) {
      want.isAsking = false;
      // Whoever has taken it over must learn of those who wait here.
      if (want.owner !== owner) want.toldRequesters = 0;
      want.owner = owner;
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
    const claims = canonicalIds.flatMap((canonicalId) => this.#claims.get(canonicalId) ?? []);
    for (const claim of claims) {
      claim.isAwaited = true;
      claim.request.ticket.join(requester);
    }
    this.#tellExpected(claims);
  }

  #tellExpected(claims: readonly OwnClaim[]): void {
    if (claims.length === 0 || !this.#store.isUp) return;
    const expectations = claims.map(({ canonicalId, request }) => ({
      canonicalId,
      waitMs: request.ticket.estimateWaitMs(),
    }));
    this.#store.expect(expectations).catch(ignore);
  }

  #hearExpected(expectations: readonly Expectation[]): void {
    const now = performance.now();
    for (const { canonicalId, waitMs } of expectations) {
      for (const want of this.#wants.get(canonicalId) ?? []) {
        if (want.isAsking) continue;
        want.expectedAtMs = now + waitMs;
        // A place says that the call waits for a quota; without one it is on its way.
        want.request.ticket.moveTo(waitMs > 0 ? want.place : undefined);
        want.placed.resolve();
      }
    }
  }

  #hearSettled(settled: readonly SettledReading[]): void {
    const heardAtMs = performance.now();
    const unanswered: Want[] = [];
    for (const { canonicalId, stored } of settled) {
      for (const want of this.#wants.get(canonicalId) ?? []) {
        if (want.isAsking) {
          want.hasNews = true;
          continue;
        }
        const cached = stored && this.#keep(want, stored, heardAtMs);
        if (cached === undefined) unanswered.push(want);
        else this.#answer(want, cached);
      }
    }
    if (unanswered.length > 0) void this.#ask(unanswered);
  }

  #answer(want: Want, cached: CachedReading): void {
    this.#close(want);
    want.settle(cached);
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
    const claim: OwnClaim = { canonicalId, depth, token, request, sharing, isAwaited: false };
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
    this.#writer.add({ claim, sharing: claim.sharing, cached });
  }

  #beatSoon(): void {
    this.#beat ??= setTimeout(() => {
      this.#beat = undefined;
      this.#onBeat();
    }, BEAT_MS).unref();
  }

  #onBeat(): void {
    const waiting = [...this.#wants.values()].flat().filter(({ isAsking }) => !isAsking);
    // Who reads it has not told when it will be there; that shall hold up nobody.
    for (const { placed } of waiting) placed.resolve();
    if (this.#store.isUp) {
      this.#renew(waiting);
      this.#tellWanted(waiting);
      this.#beats += 1;
      if (this.#beats % EXPECT_EVERY_BEATS === 0) {
        this.#tellExpected([...this.#claims.values()].filter(({ isAwaited }) => isAwaited));
      }
    } else {
      // Nobody knows whether the others are still there.
      this.#fetch(waiting, this.#nextToken());
    }
    if (this.#claims.size > 0 || this.#wants.size > 0) this.#beatSoon();
  }

  /** Keeps this replica's claims; what is waited for from a replica that is gone is looked up again. */
  #renew(waiting: readonly Want[]): void {
    const claims = [...this.#claims.values()];
    if ((claims.length === 0 && waiting.length === 0) || !this.#store.isUp) return;
    this.#store.renew(claims).then((owners) => {
      const dueAtMs = performance.now() - LOOK_AGAIN_MS;
      const again = waiting.filter((want) => {
        const { owner = "", askedAtMs, isAsking } = want;
        const isOpen = this.#wants.get(want.reference.canonicalId)?.includes(want) === true;
        return isOpen && !isAsking && (!owners.has(owner) || askedAtMs < dueAtMs);
      });
      if (again.length > 0) void this.#ask(again);
    }, ignore);
  }

  /** Those who asked for it went away before anybody read it here. */
  #leave(want: Want): void {
    if (want.request.ticket.isWanted) return;
    want.hasLeft = true;
    this.#close(want);
    want.fail(new NotNeededError());
  }

  /** The store is not asked for it any more. */
  #close(want: Want): void {
    const { canonicalId } = want.reference;
    const others = this.#wants.get(canonicalId)?.filter((other) => other !== want) ?? [];
    if (others.length > 0) this.#wants.set(canonicalId, others);
    else this.#wants.delete(canonicalId);
    want.request.ticket.leave(want.place);
    want.placed.resolve();
  }

  #nextToken(): number {
    this.#lastToken += 1;
    return this.#lastToken;
  }
}

const UNKNOWN: LookUp = { stored: undefined, reader: "us", owner: undefined };

/** Of a store that is slow or gone its own connection tells; nothing here depends on it. */
function ignore(): void {}

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

// What the clouds said lately, for the whole process: each value fresh for as long as its status deserves.
import { LRUCache } from "lru-cache";
import { findKnownExpiry } from "../device-certificate/device-certificate.ts";
import { type DeviceCertificateStatus, toStatus } from "../device-certificate/life-cycle.ts";
import type { CertificateReading } from "../device-certificate/product.ts";
import { DEPTH, type Depth } from "./shared-store.ts";

/** How long a value counts as fresh, in seconds, by the certificate's status. */
export interface Freshness {
  readonly active: number;
  readonly inactive: number;
  readonly pending: number;
  readonly expired: number;
  readonly revoked: number;
  readonly failed: number;
  readonly notFound: number;
}

export interface CertificateCacheOptions {
  readonly maxEntries: number;
  readonly freshSeconds: Freshness;
  /** How long past fresh a value may still be served, in seconds. */
  readonly staleSeconds: number;
}

/** A value of the cache; `reading` is `null` where the cloud has no such certificate. */
export interface CachedReading {
  readonly reading: CertificateReading | null;
  readonly fetchedAt: Date;
  /** Monotonic, so that a jump of the system clock makes nothing older or younger. */
  readonly storedAtMs: number;
}

export class CertificateCache {
  readonly #entries: LRUCache<string, CachedReading>;
  readonly #freshSeconds: Freshness;
  readonly #staleSeconds: number;

  constructor({ maxEntries, freshSeconds, staleSeconds }: CertificateCacheOptions) {
    this.#entries = new LRUCache({ max: maxEntries });
    this.#freshSeconds = freshSeconds;
    this.#staleSeconds = staleSeconds;
  }

  /** What is held of a certificate, and whether it is fresh; `undefined` when nothing is held that may be served. */
  find(
    canonicalId: string,
    needsDetail: boolean,
    needsUnshared = needsDetail,
  ): { cached: CachedReading; isFresh: boolean; freshUntilMs: number } | undefined {
    const cached = this.#entries.get(canonicalId);
    if (cached === undefined) return undefined;
    if (toDepth(cached.reading) < toNeededDepth(needsDetail, needsUnshared)) return undefined;
    const ageSeconds = (performance.now() - cached.storedAtMs) / 1000;
    const freshSeconds = this.#toFreshSeconds(cached);
    if (ageSeconds >= freshSeconds + this.#staleSeconds) return undefined;
    const freshUntilMs = cached.storedAtMs + freshSeconds * 1000;
    return { cached, isFresh: ageSeconds < freshSeconds, freshUntilMs };
  }

  store(canonicalId: string, reading: CertificateReading | null): CachedReading {
    const cached = { reading, fetchedAt: new Date(), storedAtMs: performance.now() };
    this.keep(canonicalId, cached);
    return cached;
  }

  /**
   * Keeps what was read, unless what is held is fresh and says more, or is as good and younger: a list call may end
   * after a call for the details of the same certificate, and another replica may have read it before this one.
   */
  keep(canonicalId: string, cached: CachedReading): void {
    const held = this.#entries.peek(canonicalId);
    const gain = held === undefined ? 1 : this.#toWorth(cached) - this.#toWorth(held);
    if (gain > 0 || (gain === 0 && held && held.storedAtMs <= cached.storedAtMs)) {
      this.#entries.set(canonicalId, cached);
    }
  }

  /** How long a value is fresh, and how long it may be served at all, in milliseconds from when it was read. */
  toLifetime(cached: CachedReading): { readonly freshMs: number; readonly keepMs: number } {
    const freshSeconds = this.#toFreshSeconds(cached);
    return { freshMs: freshSeconds * 1000, keepMs: (freshSeconds + this.#staleSeconds) * 1000 };
  }

  #toWorth(cached: CachedReading): number {
    const ageMs = performance.now() - cached.storedAtMs;
    return ageMs < this.toLifetime(cached).freshMs ? toDepth(cached.reading) : -1;
  }

  /**
   * By the status as it is now. Reading the certificate for it would make every question for a cheap field pay;
   * a date that nobody has read yet only shortens the freshness.
   */
  #toFreshSeconds({ reading }: CachedReading): number {
    if (reading === null) return this.#freshSeconds.notFound;
    const { facts } = reading;
    return this.#freshSeconds[
      FRESHNESS_OF[toStatus(facts.reportedStatus, findKnownExpiry(facts), new Date())]
    ];
  }
}

/** How much a reading says; that there is no such certificate says everything. */
export function toDepth(reading: CertificateReading | null): Depth {
  if (reading === null) return DEPTH.whole;
  if (!reading.hasDetail) return DEPTH.summary;
  return reading.isRedacted ? DEPTH.detail : DEPTH.whole;
}

export function toNeededDepth(needsDetail: boolean, needsUnshared: boolean): Depth {
  if (needsUnshared) return DEPTH.whole;
  return needsDetail ? DEPTH.detail : DEPTH.summary;
}

const FRESHNESS_OF = {
  ACTIVE: "active",
  INACTIVE: "inactive",
  PENDING: "pending",
  EXPIRED: "expired",
  REVOKED: "revoked",
  FAILED: "failed",
  // A word that we do not know may mean a state that passes.
  UNKNOWN: "pending",
} as const satisfies Record<DeviceCertificateStatus, keyof Freshness>;

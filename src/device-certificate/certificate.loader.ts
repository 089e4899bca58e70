// Collects what one request asks for, so that all of it is retrieved together.
import DataLoader from "dataloader";
import type { Requester } from "../quota/quota.ts";
import type { AnswerFreshness } from "../retrieval/answer-freshness.ts";
import type { Lookup, Retrieval, Retrieved } from "../retrieval/retrieval.ts";
import { andThen, type NowOrLater, slices } from "../slices.ts";
import type { CertificateCatalog, CertificateReference } from "./certificate-id.ts";
import {
  createCertificate,
  type DeviceCertificate,
  findKnownExpiry,
} from "./device-certificate.ts";
import type { CertificateProduct } from "./product.ts";
import { readSelected } from "./reading.ts";

export interface CertificateLoaderOptions {
  readonly catalog: CertificateCatalog;
  readonly retrieval: Retrieval;
  /** Whom the answers are for, and until when. */
  readonly requester: Requester;
  /** Is told of everything that is delivered. */
  readonly freshness: AnswerFreshness;
}

/** A certificate; `null` when the cloud has no such certificate; an error when that could not be found out. */
export type Loaded = DeviceCertificate | null | Error;

/** Lives as long as a request. */
export class CertificateLoader {
  readonly #catalog: CertificateCatalog;
  readonly #retrieval: Retrieval;
  readonly #freshness: AnswerFreshness;
  /** For what is not held: several fields of a request may ask for it. */
  readonly #loader: DataLoader<Lookup, Retrieved, string>;

  constructor({ catalog, retrieval, requester, freshness }: CertificateLoaderOptions) {
    this.#catalog = catalog;
    this.#retrieval = retrieval;
    this.#freshness = freshness;
    this.#loader = new DataLoader((lookups) => retrieveAll(retrieval, lookups, requester), {
      batchScheduleFn: (dispatch) => slices.afterAll(dispatch),
      // Spellings of one certificate differ in the id that is answered, so they are told apart here.
      cacheKeyFn: ({ reference, needsDetail, needsUnshared }) =>
        `${needsDetail} ${needsUnshared} ${reference.id}`,
    });
  }

  /** `null` when the cloud has no such certificate. `fields` are the GraphQL fields that are wanted of it. */
  async loadById(id: unknown, fields: ReadonlySet<string>): Promise<DeviceCertificate | null> {
    const [certificate] = await this.loadMany([id], fields);
    return toResult(certificate);
  }

  /** The same by the arguments of a product's root field. */
  async loadByKey(
    product: string,
    connection: string,
    key: readonly string[],
    fields: ReadonlySet<string>,
  ): Promise<DeviceCertificate | null> {
    const reference = this.#catalog.resolveKey(product, connection, key);
    const [certificate] = await this.#load([reference], fields);
    return toResult(certificate);
  }

  /**
   * The same for many, in order, each with its own error; an error among the ids stays in its place. Without a promise
   * where everything is at hand: one for each certificate costs more than the certificate.
   */
  loadMany(ids: readonly unknown[], fields: ReadonlySet<string>): NowOrLater<Loaded[]> {
    const references = slices.map(ids, (id) => this.#resolve(id));
    return andThen(references, (all) => this.#load(all, fields));
  }

  #resolve(id: unknown): CertificateReference | Error {
    if (id instanceof Error) return id;
    try {
      return this.#catalog.resolveId(id);
    } catch (error) {
      return toError(error);
    }
  }

  #load(
    references: readonly (CertificateReference | Error)[],
    fields: ReadonlySet<string>,
  ): NowOrLater<Loaded[]> {
    const toLookup = createToLookup(fields);
    const retrieved = slices.map(references, (reference) => {
      if (reference instanceof Error) return reference;
      const lookup = toLookup(reference);
      return this.#retrieval.findFresh(lookup) ?? this.#loader.load(lookup).catch(toError);
    });
    return andThen(retrieved, (all) =>
      isAtHand(all)
        ? this.#deliver(references, all, fields)
        : Promise.all(all).then((there) => this.#deliver(references, there, fields)),
    );
  }

  #deliver(
    references: readonly (CertificateReference | Error)[],
    retrieved: readonly (Retrieved | Error)[],
    fields: ReadonlySet<string>,
  ): NowOrLater<Loaded[]> {
    const readAt = new Date();
    const certificates = slices.map(references, (reference, index): Loaded => {
      const outcome = retrieved[index];
      if (outcome === undefined) return new Error("a certificate was not loaded");
      if (reference instanceof Error || outcome instanceof Error) return toError(outcome);
      return toCertificate(reference, outcome, readAt);
    });
    return andThen(certificates, (all) =>
      andThen(readSelected(all, fields), () => {
        this.#restrictFreshness(retrieved, readAt);
        return all;
      }),
    );
  }

  /** Once its dates are known: when a certificate expires, its status changes by itself. */
  #restrictFreshness(retrieved: readonly (Retrieved | Error)[], readAt: Date): void {
    const nowMs = performance.now();
    for (const outcome of retrieved) {
      if (outcome instanceof Error) continue;
      const { facts, freshUntilMs } = outcome;
      const expiry = facts === null ? null : findKnownExpiry(facts);
      const leftMs = expiry === null ? 0 : expiry.getTime() - readAt.getTime();
      this.#freshness.restrict(leftMs > 0 ? Math.min(freshUntilMs, nowMs + leftMs) : freshUntilMs);
    }
  }
}

function isAtHand(
  retrieved: readonly (Retrieved | Error | Promise<Retrieved | Error>)[],
): retrieved is readonly (Retrieved | Error)[] {
  return !retrieved.some((one) => one instanceof Promise);
}

/** What is wanted of a certificate depends on its product alone. */
function createToLookup(fields: ReadonlySet<string>): (reference: CertificateReference) => Lookup {
  const needs = new Map<CertificateProduct, Omit<Lookup, "reference">>();
  return (reference) => {
    const { product } = reference.connected;
    let need = needs.get(product);
    if (need === undefined) {
      const { detailFields, sharing } = product;
      need = {
        needsDetail: !detailFields.isDisjointFrom(fields),
        needsUnshared: sharing !== undefined && !sharing.unshared.isDisjointFrom(fields),
      };
      needs.set(product, need);
    }
    return { reference, ...need };
  };
}

async function retrieveAll(
  retrieval: Retrieval,
  lookups: readonly Lookup[],
  requester: Requester,
): Promise<(Retrieved | Error)[]> {
  const outcomes = await Promise.allSettled(retrieval.load(lookups, requester));
  return outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : toError(outcome.reason),
  );
}

function toCertificate(
  { id, connected }: CertificateReference,
  { facts, fetchedAt, stale }: Retrieved,
  readAt: Date,
): DeviceCertificate | null {
  if (facts === null) return null;
  return createCertificate(connected.product.certificateType, facts, {
    id,
    provider: connected.product.cloud.provider,
    connection: connected.connection,
    fetchedAt,
    stale,
    readAt,
  });
}

function toResult(loaded: Loaded | undefined): DeviceCertificate | null {
  if (loaded instanceof Error) throw loaded;
  return loaded ?? null;
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error("a certificate was not loaded");
}

// Collects what one request asks for, so that all of it is retrieved together.
import DataLoader from "dataloader";
import type { Requester } from "../quota/quota.ts";
import type { Retrieval } from "../retrieval/retrieval.ts";
import type { CertificateCatalog, CertificateReference } from "./certificate-id.ts";
import { createCertificate, type DeviceCertificate } from "./device-certificate.ts";

export interface CertificateLoaderOptions {
  readonly catalog: CertificateCatalog;
  readonly retrieval: Retrieval;
  /** Whom the answers are for, and until when. */
  readonly requester: Requester;
}

interface LoaderKey {
  readonly reference: CertificateReference;
  readonly needsDetail: boolean;
  readonly needsUnshared: boolean;
}

/** Lives as long as a request. */
export class CertificateLoader {
  readonly #catalog: CertificateCatalog;
  readonly #loader: DataLoader<LoaderKey, DeviceCertificate | null, string>;

  constructor({ catalog, retrieval, requester }: CertificateLoaderOptions) {
    this.#catalog = catalog;
    this.#loader = new DataLoader((keys) => loadAll(retrieval, keys, requester), {
      // Spellings of one certificate differ in the id that is answered, so they are told apart here.
      cacheKeyFn: ({ reference, needsDetail, needsUnshared }) =>
        `${needsDetail} ${needsUnshared} ${reference.id}`,
    });
  }

  /** `null` when the cloud has no such certificate. `fields` are the GraphQL fields that are wanted of it. */
  async loadById(id: unknown, fields: ReadonlySet<string>): Promise<DeviceCertificate | null> {
    return this.#load(this.#catalog.resolveId(id), fields);
  }

  /** The same by the arguments of a product's root field. */
  async loadByKey(
    product: string,
    connection: string,
    key: readonly string[],
    fields: ReadonlySet<string>,
  ): Promise<DeviceCertificate | null> {
    return this.#load(this.#catalog.resolveKey(product, connection, key), fields);
  }

  #load(
    reference: CertificateReference,
    fields: ReadonlySet<string>,
  ): Promise<DeviceCertificate | null> {
    const { detailFields, sharing } = reference.connected.product;
    const needsDetail = !detailFields.isDisjointFrom(fields);
    const needsUnshared = sharing !== undefined && !sharing.unshared.isDisjointFrom(fields);
    return this.#loader.load({ reference, needsDetail, needsUnshared });
  }
}

async function loadAll(
  retrieval: Retrieval,
  keys: readonly LoaderKey[],
  requester: Requester,
): Promise<(DeviceCertificate | null | Error)[]> {
  const outcomes = await Promise.allSettled(retrieval.load(keys, requester));
  const readAt = new Date();
  return outcomes.map((outcome, index) => {
    const key = keys[index];
    if (outcome.status === "rejected" || key === undefined) return toError(outcome);
    const { facts, fetchedAt, stale } = outcome.value;
    if (facts === null) return null;
    const { id, connected } = key.reference;
    return createCertificate(connected.product.certificateType, facts, {
      id,
      provider: connected.product.cloud.provider,
      connection: connected.connection,
      fetchedAt,
      stale,
      readAt,
    });
  });
}

function toError(outcome: PromiseSettledResult<unknown>): Error {
  const reason: unknown = outcome.status === "rejected" ? outcome.reason : undefined;
  return reason instanceof Error ? reason : new Error("a certificate was not loaded");
}

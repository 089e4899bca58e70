// A retrieval in front of a product whose calls wait until a test answers them, on the fake clock.
import type { CertificateReference } from "../../src/device-certificate/certificate-id.ts";
import type {
  CertificateReading,
  CertificateRequest,
} from "../../src/device-certificate/product.ts";
import { ProviderError } from "../../src/errors.ts";
import { aliyunIot } from "../../src/providers/aliyun/iot/index.ts";
import { NotNeededError, type QueuePlace, type Requester } from "../../src/quota/quota.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { Retrieval, type Retrieved } from "../../src/retrieval/retrieval.ts";
import { createRecordingLog } from "../providers/log.ts";

export const FRESH_SECONDS = 100;
export const origin = { provider: "aliyun-iot", connection: "default" };
export const unavailable = new ProviderError("PROVIDER_UNAVAILABLE", { origin, message: "down" });

export interface Fetched {
  readonly request: CertificateRequest;
  readonly joined: Requester[];
  answer(reading: CertificateReading | null): void;
  fail(error: Error): void;
}

/** A product whose calls wait, for so long, until a test answers them. */
export function createSetup({ estimateMs = 500 } = {}) {
  const fetched: Fetched[] = [];
  const fetch = (requests: readonly CertificateRequest[]) =>
    requests.map((request) => {
      const { promise, resolve, reject } = Promise.withResolvers<CertificateReading | null>();
      const joined: Requester[] = [];
      const place: QueuePlace = {
        join: (requester) => joined.push(requester),
        estimateWaitMs: () => estimateMs,
        leaveUnneeded: () => {
          request.ticket.leave(place);
          reject(new NotNeededError());
        },
      };
      request.ticket.moveTo(place);
      fetched.push({ request, joined, answer: resolve, fail: reject });
      return promise;
    });
  const source = { fetch, isFailing: false };
  const connected = { product: aliyunIot, connection: "default", source };
  const seconds = FRESH_SECONDS;
  const cache = new CertificateCache({
    maxEntries: 1000,
    staleSeconds: 1000,
    freshSeconds: {
      active: seconds,
      inactive: seconds,
      pending: seconds,
      expired: seconds,
      revoked: seconds,
      failed: seconds,
      notFound: seconds,
    },
  });
  const log = createRecordingLog();
  const retrieval = new Retrieval({ cache, log });
  const toLookup = (key: string, needsDetail = false) => {
    const reference: CertificateReference = { id: key, connected, key: [key], canonicalId: key };
    return { reference, needsDetail };
  };
  const load = (
    keys: readonly string[],
    withinMs = 1_000,
    needsDetail = false,
    signal?: AbortSignal,
  ) => {
    const requester = { deadlineMs: performance.now() + withinMs, signal };
    const lookups = keys.map((key) => toLookup(key, needsDetail));
    return observe(retrieval.load(lookups, requester));
  };
  return { retrieval, fetched, load, toLookup, log, source };
}

export function toReading(name: string, hasDetail = true): CertificateReading {
  return { facts: { reportedStatus: "ACTIVE", providerStatus: name } as never, hasDetail };
}

type Outcome =
  | { readonly name: string | null; readonly stale: boolean }
  | { readonly error: Error }
  | undefined;

/** What each promise came to so far. */
export function observe(promises: readonly Promise<Retrieved>[]): Outcome[] {
  const outcomes: Outcome[] = promises.map(() => undefined);
  for (const [index, promise] of promises.entries()) {
    promise.then(
      ({ facts, stale }) => {
        outcomes[index] = { name: facts?.providerStatus ?? null, stale };
      },
      (error: Error) => {
        outcomes[index] = { error };
      },
    );
  }
  return outcomes;
}

export function toExtensions(outcome: Outcome) {
  if (outcome === undefined || !("error" in outcome)) throw new Error("expected an error");
  return outcome.error instanceof ProviderError ? outcome.error.extensions : undefined;
}

// One certificate that a replica waits for, whoever reads it.
import type { CertificateReference } from "../device-certificate/certificate-id.ts";
import type { CertificateRequest } from "../device-certificate/product.ts";
import type { Sharing } from "../device-certificate/sharing.ts";
import type { QueuePlace, Requester } from "../quota/quota.ts";
import type { CachedReading } from "./certificate-cache.ts";
import type { Depth } from "./shared-store.ts";

/** One certificate to be read. */
export interface SharedRequest {
  readonly reference: CertificateReference;
  readonly sharing: Sharing;
  readonly request: CertificateRequest;
  readonly depth: Depth;
}

/** A request that has no reading yet and that this replica does not make a call for. */
export interface Want extends SharedRequest {
  readonly settle: (cached: CachedReading) => void;
  readonly fail: (error: unknown) => void;
  readonly place: QueuePlace;
  /** Whether nobody waited for it any more before anybody read it. */
  hasLeft: boolean;
  /** Whether the store is being asked just now; else another replica is waited for. */
  isAsking: boolean;
  /** Whether there was news while it was being asked. */
  hasNews: boolean;
  /** The other replica. */
  owner: string | undefined;
  /** When it thinks to have it. */
  expectedAtMs: number;
  askedAtMs: number;
  /** Requesters that the other replica was told of. */
  toldRequesters: number;
  readonly placed: PromiseWithResolvers<void>;
}

/** `leave` is called when nobody waits for it any more. */
export function toWant(
  request: SharedRequest,
  settle: Want["settle"],
  fail: Want["fail"],
  leave: (want: Want) => void,
): Want {
  const want: Want = {
    ...request,
    settle,
    fail,
    place: {
      // The other replica is told of who joined with the next beat.
      join: () => {},
      estimateWaitMs: () => Math.max(0, want.expectedAtMs - performance.now()),
      leaveUnneeded: () => leave(want),
    },
    hasLeft: false,
    isAsking: false,
    hasNews: false,
    owner: undefined,
    expectedAtMs: 0,
    askedAtMs: 0,
    toldRequesters: 0,
    placed: Promise.withResolvers(),
  };
  return want;
}

/** The one that waits longest. */
export function findLatest(requesters: readonly Requester[]): Requester | undefined {
  let latest: Requester | undefined;
  for (const requester of requesters) {
    if (latest === undefined || requester.deadlineMs > latest.deadlineMs) latest = requester;
  }
  return latest;
}

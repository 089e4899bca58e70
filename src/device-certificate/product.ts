// The contract that a cloud product fulfils to put its certificates into the graph. Owned by the domain; names no cloud.
import type { ClassType } from "type-graphql";
import type { z } from "zod";
import type { SegmentForm } from "../certificate-id/text.ts";
import type { Log } from "../log.ts";
import type { CloudCaller } from "../providers/caller.ts";
import type { CloudClock } from "../providers/cloud-clock.ts";
import type { CredentialSource } from "../providers/credentials.ts";
import type { Transport } from "../providers/transport.ts";
import type { CallLimit, CallTicket } from "../quota/quota.ts";
import type { Secret } from "../secret.ts";
import type { CertificateFacts, DeviceCertificate } from "./device-certificate.ts";
import type { Sharing } from "./sharing.ts";

/** A cloud whose products share one kind of account, credentials and signature. */
export interface Cloud {
  /** As written in the configuration and in ids: `tencent`. */
  readonly name: string;
  /** Its value of the GraphQL enum `CloudProvider`: `TENCENT_CLOUD`. */
  readonly provider: string;
  /** For people: `Tencent Cloud`. */
  readonly title: string;
  /** What a connection of this cloud can be given beside the settings that all clouds have. */
  readonly settings: z.ZodRawShape;
  /** The region that the configuration's example shows. */
  readonly exampleRegion: string;
  /** The vendor's own credential chain (role, OIDC, profile, metadata), loaded only when it is asked for. */
  openCredentialChain(log: Log): Promise<CredentialSource>;
}

/** One segment of a certificate id behind the connection's name. */
export interface KeySegment extends SegmentForm {
  /** The argument of the product's root field: `instanceId`. */
  readonly argument: string;
  readonly description: string;
  readonly isId: boolean;
  /** The one spelling of values that the cloud holds for equal; by default the value itself. */
  readonly canonical?: (value: string) => string;
}

/** One configured connection as a product sees it. */
export interface Connection {
  readonly name: string;
  readonly region: string;
  /** The cloud-specific settings, as `Cloud.settings` parsed them. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly credentials: CredentialSource;
  /** The time for signatures. */
  readonly clock: CloudClock;
  /** HTTP to this product's endpoint. */
  readonly transport: Transport;
  /** Makes calls of this kind within their quota, and again where that may help. */
  caller(limit: CallLimit): CloudCaller;
  readonly log: Log;
}

/** What one certificate is asked for. */
export interface CertificateRequest {
  /** The values of the product's key segments, in the order of the id. */
  readonly key: readonly string[];
  /** Whether a field of `CertificateProduct.detailFields` is wanted. */
  readonly needsDetail: boolean;
  /** To be given to every call that is made for this request. */
  readonly ticket: CallTicket;
}

/** What a cloud said of one certificate. */
export interface CertificateReading {
  readonly facts: CertificateFacts;
  /** Whether the product's detail fields were read too. */
  readonly hasDetail: boolean;
  /** Whether it came through the store that replicas share, and lost facts on the way that may not stand there. */
  readonly isRedacted?: boolean;
}

/** What one secret of a certificate is asked for. */
export interface SecretRequest {
  /** As in `CertificateRequest`. */
  readonly key: readonly string[];
  /** To be given to the call that is made for this request. */
  readonly ticket: CallTicket;
  /** Whether anybody still waits for it when the call's turn comes. */
  readonly isNeeded: () => boolean;
}

/**
 * Reads a secret with a call of its own that no other request shares, and keeps nothing of it.
 * `null` when the cloud has no such certificate, or no such secret of it.
 */
export type FetchSecret = (request: SecretRequest) => Promise<Secret | null>;

/** A product on one connection. */
export interface CertificateSource {
  /**
   * Reads certificates with as few calls as the cloud allows.
   * One promise a request, in order, each settled as soon as its own answer is known:
   * `null` when the cloud has no such certificate, rejected with a `ProviderError` or a `RequestError`.
   */
  fetch(requests: readonly CertificateRequest[]): Promise<CertificateReading | null>[];
  /** Whether none of its calls is answered just now, so that what is held should be served without waiting for one. */
  readonly isFailing?: boolean;
  /** By the names that its sealed fields ask with; used only while `secrets.mode` is sealed. By default there are none. */
  readonly secrets?: Readonly<Record<string, FetchSecret>>;
}

/** One cloud product: everything that the schema, the configuration and the retrieval need to know of it. */
export interface CertificateProduct {
  /** First segment of its ids: `tencent-mqtt`. */
  readonly prefix: string;
  readonly cloud: Cloud;
  /** Its entry under `connections[].endpoints`, and the vendor's origin where none is configured. */
  readonly endpoint: { readonly name: string; readonly originOf: (region: string) => string };
  /** Its API actions, with the calls a second that the cloud takes. */
  readonly limits: readonly CallLimit[];
  readonly key: readonly KeySegment[];
  /** The GraphQL object type of its certificates. */
  readonly certificateType: ClassType<DeviceCertificate> & { readonly name: string };
  /** Its field of the `Query` type. */
  readonly rootField: { readonly name: string; readonly description: string };
  /** GraphQL fields that cost a call of their own for each certificate, where a list call brings the others. */
  readonly detailFields: ReadonlySet<string>;
  /** Which facts may leave the process, into the store that replicas share. Without it none do. */
  readonly sharing?: Sharing;
  connect(connection: Connection): CertificateSource;
}

// Hands out a device's secret: read anew from the cloud, encrypted to the caller's key, recorded, and only then answered.
// Loaded only where secrets are handed out at all.
import type { CertificateReference } from "../device-certificate/certificate-id.ts";
import { RequestError } from "../errors.ts";
import type { Log } from "../log.ts";
import { CallTicket, NotNeededError, type Requester } from "../quota/quota.ts";
import { toTooLate } from "../retrieval/too-late.ts";
import type { Secret } from "../secret.ts";
import { type AuditLog, openAuditLog } from "./audit-log.ts";
import { readRecipient, toEncryption } from "./recipient.ts";

/** One secret that somebody asks for. */
export interface HandOut {
  readonly reference: CertificateReference;
  /** Which of the certificate's secrets: `privateKey`. */
  readonly name: string;
  /** The JSON text of the public key to encrypt to. */
  readonly recipientJwk: string;
  readonly requester: Requester;
  readonly subject: string | null;
  readonly requestId: string;
}

export interface SecretsDeskOptions {
  /** By default standard error. */
  readonly auditFile?: string | undefined;
  readonly maxPerOperation: number;
  /** How the callers are known: the configuration's `auth.mode`. */
  readonly authentication: string;
  readonly log: Pick<Log, "error">;
}

/** Rejects when the audit's file cannot be opened. */
export async function openSecretsDesk(options: SecretsDeskOptions): Promise<SecretsDesk> {
  return new SecretsDesk(options, await openAuditLog(options.auditFile));
}

/** Lives as long as the process. */
export class SecretsDesk {
  readonly #options: SecretsDeskOptions;
  readonly #audit: AuditLog;

  constructor(options: SecretsDeskOptions, audit: AuditLog) {
    this.#options = options;
    this.#audit = audit;
  }

  /** Secrets that one operation may ask for: each costs a cloud call. */
  get maxPerOperation(): number {
    return this.#options.maxPerOperation;
  }

  /** A compact JWE, by the requester's deadline; `null` when the cloud has no such secret. Nothing of it is kept. */
  async handOut(handOut: HandOut): Promise<string | null> {
    // First, so that a key that will not do costs no call.
    const recipient = await readRecipient(handOut.recipientJwk);
    const secret = await fetchSecret(handOut);
    if (secret === null) return null;
    const sealed = await toEncryption(secret.reveal(), recipient);
    await this.#record(handOut, recipient.thumbprint);
    return sealed;
  }

  async close(): Promise<void> {
    await this.#audit.close();
  }

  async #record(handOut: HandOut, recipientThumbprint: string): Promise<void> {
    const { authentication, log } = this.#options;
    const { reference, name, requester, subject, requestId } = handOut;
    const record = {
      time: new Date().toISOString(),
      event: "secret-handed-out",
      subject,
      authentication,
      certificate: reference.canonicalId,
      secret: name,
      recipientThumbprint,
      requestId,
    } as const;
    try {
      await this.#audit.write(record, requester.deadlineMs);
    } catch (error) {
      log.error({ err: error, requestId }, "a secret was not handed out: no audit record of it");
      throw new RequestError(
        "AUDIT_UNAVAILABLE",
        "The secret is not handed out, because that could not be recorded.",
      );
    }
  }
}

async function fetchSecret({ reference, name, requester }: HandOut): Promise<Secret | null> {
  const { connected, key } = reference;
  const fetchNow = connected.source.secrets?.[name];
  if (fetchNow === undefined) {
    throw new Error(`${connected.product.prefix} has no secret called ${name}`);
  }
  const ticket = new CallTicket(requester);
  const tooLate = Promise.withResolvers<never>();
  const msLeft = () => requester.deadlineMs - performance.now();
  const timer = setTimeout(
    () => tooLate.reject(toTooLate(connected, ticket)),
    Math.max(0, msLeft()),
  );
  try {
    // A call that still waits for the quota by then is not made: what it would bring is kept for nobody.
    const isNeeded = () => msLeft() > 0;
    return await Promise.race([fetchNow({ key, ticket, isNeeded }), tooLate.promise]);
  } catch (error) {
    throw error instanceof NotNeededError ? toTooLate(connected, ticket) : error;
  } finally {
    clearTimeout(timer);
  }
}

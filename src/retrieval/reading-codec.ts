// Writes what a cloud said as text for the store that replicas share, and reads it again: allow-listed facts, nothing else.
import type { CertificateFacts } from "../device-certificate/device-certificate.ts";
import { DeviceCertificateStatus } from "../device-certificate/life-cycle.ts";
import type { CertificateReading } from "../device-certificate/product.ts";
import type { SharedFacts, Sharing } from "../device-certificate/sharing.ts";
import { CertificateBundle } from "../device-certificate/x509.ts";

/** A reading and when the cloud gave it, by the clock of the replica that read it. */
export interface DatedReading {
  readonly reading: CertificateReading | null;
  readonly fetchedAt: Date;
}

/** Names of facts are identifiers, so these are no names of facts. */
const DATE_TAG = "$date";
const CERTIFICATES_TAG = "$der";

/**
 * The reading as it may leave the process. It is marked as redacted when that took something away: a question for just
 * that must then be asked of the cloud again. Whatever is not on the product's list is left out without a mark.
 */
export function toShareable(
  reading: CertificateReading,
  { unshared }: Sharing,
): CertificateReading {
  const facts: Readonly<Record<string, unknown>> = { ...reading.facts };
  const isRedacted = [...unshared].some((name) => facts[name] !== null);
  return isRedacted ? { ...reading, isRedacted } : reading;
}

export function encodeReading({ reading, fetchedAt }: DatedReading, { facts }: Sharing): string {
  return JSON.stringify({
    fetchedAt: fetchedAt.getTime(),
    reading: reading && {
      hasDetail: reading.hasDetail,
      isRedacted: reading.isRedacted ?? false,
      facts: encodeFacts({ ...reading.facts }, facts),
    },
  });
}

/** `undefined` for a text that this version of the software cannot read, or that lacks a fact which it knows. */
export function decodeReading(text: string, { facts: shared }: Sharing): DatedReading | undefined {
  const value = parseObject(text);
  if (typeof value?.["fetchedAt"] !== "number") return undefined;
  const fetchedAt = new Date(value["fetchedAt"]);
  if (value["reading"] === null) return { reading: null, fetchedAt };
  if (!isObject(value["reading"])) return undefined;
  const { hasDetail, isRedacted, facts: encoded } = value["reading"];
  if (typeof hasDetail !== "boolean" || typeof isRedacted !== "boolean") return undefined;
  const facts = isObject(encoded) ? decodeFacts(encoded, shared) : undefined;
  if (!isFacts(facts)) return undefined;
  return { reading: { facts, hasDetail, ...(isRedacted && { isRedacted }) }, fetchedAt };
}

function encodeFacts(facts: Readonly<Record<string, unknown>>, shared: SharedFacts) {
  const encoded: Record<string, unknown> = {};
  for (const [name, decision] of Object.entries(shared)) {
    if (decision !== false) encoded[name] = encodeFact(facts[name], decision);
  }
  return encoded;
}

/** What is of no kind that was decided on is left out: an object stands only where its own facts are listed. */
function encodeFact(fact: unknown, decision: true | SharedFacts): unknown {
  if (fact === null || fact === undefined) return null;
  if (Array.isArray(fact)) return fact.map((item) => encodeFact(item, decision));
  if (decision !== true) return isObject(fact) ? encodeFacts(fact, decision) : null;
  if (fact instanceof Date) return { [DATE_TAG]: fact.getTime() };
  if (fact instanceof CertificateBundle) return { [CERTIFICATES_TAG]: fact.toBase64() };
  return typeof fact === "object" ? null : fact;
}

/** `undefined` where one of the facts is missing: whoever wrote it did not know of it. */
function decodeFacts(
  encoded: Readonly<Record<string, unknown>>,
  shared: SharedFacts,
): Record<string, unknown> | undefined {
  const facts: Record<string, unknown> = {};
  for (const [name, decision] of Object.entries(shared)) {
    const fact = decision === false ? null : decodeFact(encoded[name], decision);
    if (fact === undefined) return undefined;
    facts[name] = fact;
  }
  return facts;
}

function decodeFact(encoded: unknown, decision: true | SharedFacts): unknown {
  if (encoded === null || encoded === undefined) return encoded;
  if (Array.isArray(encoded)) {
    const items = encoded.map((item: unknown) => decodeFact(item, decision));
    return items.includes(undefined) ? undefined : items;
  }
  if (decision !== true) return isObject(encoded) ? decodeFacts(encoded, decision) : undefined;
  if (!isObject(encoded)) return encoded;
  const time = encoded[DATE_TAG];
  if (typeof time === "number") return new Date(time);
  const certificates = encoded[CERTIFICATES_TAG];
  if (!isTextList(certificates)) return undefined;
  return CertificateBundle.fromBase64(certificates) ?? undefined;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isFacts(
  facts: Readonly<Record<string, unknown>> | undefined,
): facts is CertificateFacts & Record<string, unknown> {
  if (facts === undefined) return false;
  const { reportedStatus, bundle, createdAt, updatedAt } = facts;
  return (
    typeof reportedStatus === "string" &&
    reportedStatus in DeviceCertificateStatus &&
    (bundle === undefined || bundle === null || bundle instanceof CertificateBundle) &&
    [createdAt, updatedAt].every((time) => time === null || time instanceof Date)
  );
}

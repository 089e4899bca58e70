// One life cycle for every cloud: what a certificate's status is now, from the cloud's word and the certificate's own dates.
import { registerEnumType } from "type-graphql";

export const DeviceCertificateStatus = {
  PENDING: "PENDING",
  ACTIVE: "ACTIVE",
  INACTIVE: "INACTIVE",
  EXPIRED: "EXPIRED",
  REVOKED: "REVOKED",
  FAILED: "FAILED",
  UNKNOWN: "UNKNOWN",
} as const;
export type DeviceCertificateStatus = keyof typeof DeviceCertificateStatus;

registerEnumType(DeviceCertificateStatus, {
  name: "DeviceCertificateStatus",
  description: "One life cycle for every cloud. The cloud's own word stands in providerStatus.",
  valuesConfig: {
    PENDING: { description: "Issued, registered or being generated; not usable yet." },
    ACTIVE: { description: "In use, as far as the cloud and the certificate's dates say." },
    INACTIVE: { description: "Switched off; may come back." },
    EXPIRED: { description: "notAfter is past, whatever the cloud says." },
    REVOKED: { description: "Withdrawn for good." },
    FAILED: { description: "The cloud could not issue it." },
    UNKNOWN: { description: "The cloud uses a word that this subgraph does not know yet." },
  },
});

/** When a certificate is valid; `null` where nobody says. */
export interface Validity {
  readonly notBefore: Date | null;
  readonly notAfter: Date | null;
}

/** The status at `now`: what the cloud reported, unless the certificate has expired meanwhile. */
export function toStatus(
  reported: DeviceCertificateStatus,
  notAfter: Date | null,
  now: Date,
): DeviceCertificateStatus {
  if (reported === "REVOKED" || reported === "FAILED") return reported;
  return notAfter !== null && now > notAfter ? "EXPIRED" : reported;
}

/** Whether the cloud says ACTIVE outside the certificate's dates, or EXPIRED inside them. */
export function toStatusDisagrees(
  reported: DeviceCertificateStatus,
  { notBefore, notAfter }: Validity,
  now: Date,
): boolean {
  const isTooEarly = notBefore !== null && now < notBefore;
  const isTooLate = notAfter !== null && now > notAfter;
  if (reported === "ACTIVE") return isTooEarly || isTooLate;
  if (reported === "EXPIRED") return notAfter !== null && !isTooEarly && !isTooLate;
  return false;
}

const MS_PER_DAY = 86_400_000;

/** Whole days from `now` until `notAfter`, rounded down; negative once expired. */
export function toDaysUntilExpiry(notAfter: Date | null, now: Date): number | null {
  return notAfter === null ? null : Math.floor((notAfter.getTime() - now.getTime()) / MS_PER_DAY);
}

/** The first instant after `now` at which anything above may change by itself, in milliseconds since 1970. */
export function toNextChangeMs({ notBefore, notAfter }: Validity, now: Date): number {
  const starts = notBefore !== null && now < notBefore ? notBefore.getTime() : Infinity;
  const days = toDaysUntilExpiry(notAfter, now);
  if (notAfter === null || days === null) return starts;
  return Math.min(starts, notAfter.getTime() - days * MS_PER_DAY + 1);
}

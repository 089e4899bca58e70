import type { FactsOf } from "../../../device-certificate/device-certificate.ts";
import type { DeviceCertificateStatus } from "../../../device-certificate/life-cycle.ts";
import { CertificateBundle } from "../../../device-certificate/x509.ts";
import { toDate } from "../../answer.ts";
import type { TencentMqttDeviceCertificate } from "./certificate.ts";
import type { DeviceCertificateItem } from "./client.ts";

const STATUS: ReadonlyMap<string | null, DeviceCertificateStatus> = new Map([
  ["ACTIVE", "ACTIVE"],
  ["INACTIVE", "INACTIVE"],
  ["REVOKED", "REVOKED"],
  ["PENDING_ACTIVATION", "PENDING"],
]);

export function toFacts(
  instanceId: string,
  item: DeviceCertificateItem,
): FactsOf<TencentMqttDeviceCertificate> {
  return {
    reportedStatus: STATUS.get(item.Status) ?? "UNKNOWN",
    providerStatus: item.Status,
    createdAt: toDate(item.CreatedTime),
    updatedAt: toDate(item.UpdateTime),
    bundle: CertificateBundle.from(item.DeviceCertificate),
    reported: {
      serialNumber: item.DeviceCertificateSn?.toUpperCase() || null,
      commonName: item.DeviceCertificateCn || null,
      organizationalUnit: item.OrganizationalUnit || null,
      subjectAltNames: null,
      notBefore: toDate(item.NotBeforeTime),
      notAfter: toDate(item.NotAfterTime),
    },
    instanceId,
    deviceCertificateSn: item.DeviceCertificateSn ?? "",
    caSn: item.CaSn,
    clientId: item.ClientId,
    format: item.Format,
    certificateSource: item.CertificateSource,
    lastActivatedAt: toDate(item.LastActivationTime),
    lastDeactivatedAt: toDate(item.LastInactivationTime),
  };
}

const SERIAL_NUMBER_DIGITS = 40;

/** The one spelling of a serial number: the cloud's own examples differ in case and in leading zeros. */
export function toCanonicalSn(deviceCertificateSn: string): string {
  return deviceCertificateSn.toLowerCase().replace(/^0+(?=.)/, "");
}

/** In which letters the cloud writes serial numbers, as far as its answers have told. */
export type SnLetters = "lower" | "upper" | "unknown";

/** What a serial number of an answer tells of it; one without letters tells nothing. */
export function toSnLetters(deviceCertificateSn: string | null): SnLetters {
  if (/[a-f]/.test(deviceCertificateSn ?? "")) return "lower";
  return /[A-F]/.test(deviceCertificateSn ?? "") ? "upper" : "unknown";
}

/**
 * The spellings under which the cloud may hold a serial number, the likeliest first. All examples of the vendor have
 * lower-case letters; whether it compares exactly is not documented, so upper-case ones are tried until it is known.
 */
export function toSnSpellings(
  deviceCertificateSn: string,
  letters: SnLetters = "lower",
): readonly string[] {
  const stripped = toCanonicalSn(deviceCertificateSn);
  const padded = stripped.padStart(SERIAL_NUMBER_DIGITS, "0");
  // A number that is far shorter than 20 bytes is not one that lost a zero.
  const isNearlyWhole = stripped.length >= SERIAL_NUMBER_DIGITS - 2;
  const lower = [stripped, ...(isNearlyWhole ? [padded] : [])];
  const upper = lower.map((spelling) => spelling.toUpperCase());
  const spellings = {
    lower: [deviceCertificateSn, ...lower],
    unknown: [deviceCertificateSn, ...lower, ...upper],
    upper: [deviceCertificateSn.toUpperCase(), ...upper, ...lower],
  }[letters];
  return [...new Set(spellings)];
}

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

/** The spellings under which the cloud may hold a serial number, the one asked with first. */
export function toSnSpellings(deviceCertificateSn: string): readonly string[] {
  const stripped = toCanonicalSn(deviceCertificateSn);
  const padded = stripped.padStart(SERIAL_NUMBER_DIGITS, "0");
  // A number that is far shorter than 20 bytes is not one that lost a zero.
  const isNearlyWhole = stripped.length >= SERIAL_NUMBER_DIGITS - 2;
  return [...new Set([deviceCertificateSn, stripped, ...(isNearlyWhole ? [padded] : [])])];
}

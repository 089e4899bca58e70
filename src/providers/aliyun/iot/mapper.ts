import type { FactsOf } from "../../../device-certificate/device-certificate.ts";
import type { DeviceCertificateStatus } from "../../../device-certificate/life-cycle.ts";
import { CertificateBundle } from "../../../device-certificate/x509.ts";
import type { AliyunIotDeviceCertificate } from "./certificate.ts";
import type { DeviceCertInfo } from "./client.ts";

/** 0: being generated, 1: generation failed, 2: ready. */
const STATUS: readonly DeviceCertificateStatus[] = ["PENDING", "FAILED", "ACTIVE"];
/** Only then do the cloud's texts mean anything. */
export const READY = 2;

export interface IotDeviceKey {
  readonly productKey: string;
  readonly deviceName: string;
  readonly iotInstanceId: string | null;
}

export function toFacts(
  key: IotDeviceKey,
  { Status, Certificate, CertSN }: DeviceCertInfo,
): FactsOf<AliyunIotDeviceCertificate> {
  return {
    reportedStatus: (Status === null ? undefined : STATUS[Status]) ?? "UNKNOWN",
    providerStatus: Status === null ? null : String(Status),
    createdAt: null,
    updatedAt: null,
    // Before it is ready the cloud's text is no certificate, whatever it holds.
    bundle: Status === READY ? CertificateBundle.from(Certificate) : null,
    reported: {
      serialNumber: toSerialNumber(CertSN),
      commonName: null,
      organizationalUnit: null,
      subjectAltNames: null,
      notBefore: null,
      notAfter: null,
    },
    ...key,
    certSn: CertSN,
  };
}

/** Hexadecimal as of every certificate; the vendor's example has decimal digits alone, which are both. */
function toSerialNumber(certSn: string | null): string | null {
  const serialNumber = certSn?.trim() || null;
  return serialNumber !== null && /^[0-9a-fA-F]+$/.test(serialNumber)
    ? serialNumber.toUpperCase()
    : serialNumber;
}

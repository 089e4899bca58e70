import type { FactsOf } from "../../../src/device-certificate/device-certificate.ts";
import { CertificateBundle } from "../../../src/device-certificate/x509.ts";
import type { AcmeDeviceCertificate } from "./certificate.ts";
import type { AcmeCertificate } from "./client.ts";

export function toFacts(
  rocket: string,
  tenant: string,
  { payload, state, pem }: AcmeCertificate,
): FactsOf<AcmeDeviceCertificate> {
  return {
    reportedStatus: state === "flying" ? "ACTIVE" : "UNKNOWN",
    providerStatus: state,
    createdAt: null,
    updatedAt: null,
    bundle: CertificateBundle.from(pem),
    reported: {
      serialNumber: null,
      commonName: null,
      organizationalUnit: null,
      subjectAltNames: null,
      notBefore: null,
      notAfter: null,
    },
    rocket,
    payload,
    tenant,
  };
}

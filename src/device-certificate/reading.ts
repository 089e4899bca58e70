// Reads X.509 certificates when they are first selected, a few at a time: a thousand at once would hold up everybody else.
import { slices } from "../slices.ts";
import { type DeviceCertificate, X509DeviceCertificate } from "./device-certificate.ts";
import type { CertificateBundle } from "./x509.ts";

/** The fields whose values come out of the certificate: the computed ones, and the status by its dates. */
const FROM_CERTIFICATE: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(X509DeviceCertificate.prototype),
  "status",
]);

/** Reads what these fields need and nobody has read before; `undefined` where nothing is to be done. */
export function readSelected(
  certificates: readonly (DeviceCertificate | null | Error)[],
  fields: ReadonlySet<string>,
): Promise<void> | undefined {
  if (FROM_CERTIFICATE.isDisjointFrom(fields)) return undefined;
  const unread = certificates.flatMap((certificate) =>
    certificate instanceof X509DeviceCertificate && certificate.bundle?.isRead === false
      ? certificate.bundle
      : [],
  );
  return unread.length === 0 ? undefined : readInSlices(unread);
}

/** One waits for a slice at a time, so that requests take turns. */
async function readInSlices(bundles: readonly CertificateBundle[]): Promise<void> {
  for (const bundle of bundles) {
    const read = slices.run(() => bundle.facts);
    if (read instanceof Promise) await read;
  }
}

// Reads X.509 certificates when they are first selected, a few at a time: a thousand at once would hold up everybody else.
import { setImmediate as nextTurn } from "node:timers/promises";
import { type DeviceCertificate, X509DeviceCertificate } from "./device-certificate.ts";
import type { CertificateBundle } from "./x509.ts";

/** For how long the event loop may stand still for it, in milliseconds. */
const MAX_SLICE_MS = 4;

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

async function readInSlices(bundles: readonly CertificateBundle[]): Promise<void> {
  let sliceEndsAtMs = performance.now() + MAX_SLICE_MS;
  for (const bundle of bundles) {
    void bundle.facts;
    if (performance.now() < sliceEndsAtMs) continue;
    await nextTurn();
    sliceEndsAtMs = performance.now() + MAX_SLICE_MS;
  }
}

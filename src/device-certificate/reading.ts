// Reads X.509 certificates when they are first selected, a few at a time: a thousand at once would hold up everybody else.
import { type NowOrLater, slices } from "../slices.ts";
import { type DeviceCertificate, X509DeviceCertificate } from "./device-certificate.ts";

/** The fields whose values come out of the certificate: the computed ones, and the status by its dates. */
const FROM_CERTIFICATE: ReadonlySet<string> = new Set([
  ...Object.getOwnPropertyNames(X509DeviceCertificate.prototype),
  "status",
]);

/** Reads what these fields need and nobody has read before. */
export function readSelected(
  certificates: readonly (DeviceCertificate | null | Error)[],
  fields: ReadonlySet<string>,
): NowOrLater<unknown> {
  if (FROM_CERTIFICATE.isDisjointFrom(fields)) return undefined;
  const unread = certificates.flatMap((certificate) =>
    certificate instanceof X509DeviceCertificate && certificate.bundle?.isRead === false
      ? certificate.bundle
      : [],
  );
  return slices.map(unread, ({ facts }) => facts);
}

// What a page can say about a device's certificate while there is none to show.
import { GraphQLError } from "graphql";
import { registerEnumType } from "type-graphql";
import type { ErrorCode } from "../errors.ts";

export const DeviceCertificateAvailability = {
  AVAILABLE: "AVAILABLE",
  NONE: "NONE",
  NOT_FOUND: "NOT_FOUND",
  DELAYED: "DELAYED",
  UNAVAILABLE: "UNAVAILABLE",
  DENIED: "DENIED",
} as const;
export type DeviceCertificateAvailability = keyof typeof DeviceCertificateAvailability;

registerEnumType(DeviceCertificateAvailability, {
  name: "DeviceCertificateAvailability",
  description: "Whether a device's certificate is there, and if not, why.",
  valuesConfig: {
    AVAILABLE: { description: "The certificate is there, possibly marked stale." },
    NONE: { description: "No certificate is known for this device." },
    NOT_FOUND: { description: "One is known by its id, but the cloud has no such certificate." },
    DELAYED: { description: "It could not be read in time and is on its way: ask again." },
    UNAVAILABLE: {
      description: "It could not be read: the cloud is down, or its id is malformed.",
    },
    DENIED: { description: "The configured credentials, or the caller, may not read it." },
  },
});

const BY_CODE: ReadonlyMap<unknown, DeviceCertificateAvailability> = new Map<
  ErrorCode,
  DeviceCertificateAvailability
>([
  ["PROVIDER_THROTTLED", "DELAYED"],
  ["PROVIDER_TIMEOUT", "DELAYED"],
  ["PROVIDER_DENIED", "DENIED"],
  ["FORBIDDEN", "DENIED"],
]);

/** What an error means for somebody who wanted to see the certificate. */
export function toAvailability(error: unknown): DeviceCertificateAvailability {
  const code = error instanceof GraphQLError ? error.extensions["code"] : undefined;
  return BY_CODE.get(code) ?? "UNAVAILABLE";
}

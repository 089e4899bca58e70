// The error codes of Tencent Cloud, sorted by what they mean for us. Checked against the pages in November 2026.
import type { VendorErrorRule } from "../vendor-errors.ts";

/** Codes of every product: https://cloud.tencent.com/document/api/400/41680 and intl/document/api/1294/76538. */
export const TENCENT_ERRORS: readonly VendorErrorRule[] = [
  // Calls a second, per address, account, or region and account.
  { code: "RequestLimitExceeded*", meaning: "PROVIDER_THROTTLED", isRetried: true },

  { code: "InternalError*", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "ServiceUnavailable", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  // Also said of accounts in arrears, where another attempt changes nothing.
  { code: "ResourceUnavailable*", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },

  // The secret id is unknown, the signature wrong, the token bad or expired, the address not allowed …
  ...["AuthFailure*", "IpInBlacklist", "IpNotInWhitelist"].map(toRefusedKey),
  // A clock that is more than five minutes off.
  {
    code: "AuthFailure.SignatureExpire",
    meaning: "PROVIDER_DENIED",
    isRetried: false,
    denies: "clock",
  },
  // The key is right, and must not do this.
  { code: "AuthFailure.UnauthorizedOperation", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "UnauthorizedOperation*", meaning: "PROVIDER_DENIED", isRetried: false },

  { code: "InvalidParameter*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidParameterValue*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "MissingParameter", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "UnknownParameter", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidRequest", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidAction", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "NoSuchProduct", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "NoSuchVersion", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "ActionOffline", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "UnsupportedProtocol", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "UnsupportedRegion", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "UnsupportedOperation*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "RequestSizeLimitExceeded", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "ResponseSizeLimitExceeded", meaning: "BAD_USER_INPUT", isRetried: false },

  { code: "ResourceNotFound*", meaning: "NOT_FOUND", isRetried: false },
  { code: "ResourceInUse*", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  { code: "ResourceInsufficient*", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  // How much an account may own: waiting does not help, unlike RequestLimitExceeded.
  { code: "LimitExceeded*", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  { code: "FailedOperation*", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  { code: "DryRunOperation", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
];

/** TDMQ for MQTT: https://cloud.tencent.com/document/api/1778/113748, and the lists in both official SDKs. */
export const TENCENT_MQTT_ERRORS: readonly VendorErrorRule[] = [
  { code: "FailedOperation.InstanceNotReady", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "ResourceNotFound", meaning: "NOT_FOUND", isRetried: false },
  { code: "ResourceNotFound.Instance", meaning: "NOT_FOUND", isRetried: false },
  { code: "ResourceNotFound.Certificate", meaning: "NOT_FOUND", isRetried: false },
  { code: "ResourceNotFound.Ca", meaning: "NOT_FOUND", isRetried: false },
  { code: "ResourceNotFound.Role", meaning: "NOT_FOUND", isRetried: false },
  { code: "ResourceNotFound.Username", meaning: "NOT_FOUND", isRetried: false },
  {
    code: "OperationDenied",
    meaning: "PROVIDER_DENIED",
    isRetried: false,
    denies: "certificate",
  },
];

/** SSL Certificates: https://cloud.tencent.com/document/api/400/41674, and 41671 for the list. */
export const TENCENT_SSL_ERRORS: readonly VendorErrorRule[] = [
  { code: "FailedOperation.CertificateNotFound", meaning: "NOT_FOUND", isRetried: false },

  { code: "FailedOperation.AuthError", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "FailedOperation.CAMAuthorizedFail", meaning: "PROVIDER_DENIED", isRetried: false },
  // A certificate belongs to a project.
  {
    code: "FailedOperation.NoProjectPermission",
    meaning: "PROVIDER_DENIED",
    isRetried: false,
    denies: "certificate",
  },
  { code: "FailedOperation.NoRealNameAuth", meaning: "PROVIDER_DENIED", isRetried: false },

  { code: "FailedOperation.InvalidParam", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "FailedOperation.CertificateInvalid", meaning: "BAD_USER_INPUT", isRetried: false },
  {
    code: "FailedOperation.InvalidCertificateStatusCode",
    meaning: "BAD_USER_INPUT",
    isRetried: false,
  },

  // Called a quota by its first word, and is calls a second.
  { code: "LimitExceeded.RateLimitExceeded", meaning: "PROVIDER_THROTTLED", isRetried: true },

  // "The CA system is busy. Try again later."
  { code: "FailedOperation.NetworkError", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "FailedOperation.CannotGetOrder", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "FailedOperation.SystemError", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "InternalError.BackendResponseEmpty", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },

  // Declared for the call, and about orders and deletions that it does not make.
  { code: "FailedOperation.CancelOrderFailed", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  { code: "FailedOperation.CannotBeDeleted*", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  {
    code: "FailedOperation.CertificateMismatch",
    meaning: "PROVIDER_UNAVAILABLE",
    isRetried: false,
  },
  { code: "FailedOperation.ExceedsFreeLimit", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
  { code: "FailedOperation.Order*", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
];

function toRefusedKey(code: string): VendorErrorRule {
  return { code, meaning: "PROVIDER_DENIED", isRetried: false, denies: "key" };
}

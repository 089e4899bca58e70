// The error codes of Alibaba Cloud, sorted by what they mean for us. Checked against the pages in November 2026.
import type { VendorErrorRule } from "../vendor-errors.ts";

/** Codes of the gateway before every product: https://help.aliyun.com/document_detail/48054.html and 434846. */
export const ALIYUN_GATEWAY_ERRORS: readonly VendorErrorRule[] = [
  // Throttling, .User, .Api, and .User.Flow, which no page lists.
  { code: "Throttling*", meaning: "PROVIDER_THROTTLED", isRetried: true },

  { code: "ServiceUnavailable*", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "InternalError*", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  // Each attempt has a nonce of its own, so that the next one passes.
  { code: "SignatureNonceUsed", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },

  // A clock that is more than 15 minutes off.
  { code: "InvalidTimeStamp*", meaning: "PROVIDER_DENIED", isRetried: false, denies: "clock" },
  { code: "IllegalTimestamp", meaning: "PROVIDER_DENIED", isRetried: false, denies: "clock" },

  ...[
    "InvalidAccessKeyId*",
    "InvalidSecurityToken*",
    "SignatureDoesNotMatch",
    "Forbidden.AccessKeyDisabled",
    "IncompleteSignature",
    "MissingSecurityToken",
    "InvalidSignatureMethod",
  ].map(toRefusedKey),

  { code: "Forbidden*", meaning: "PROVIDER_DENIED", isRetried: false },
  // The vendor's spelling.
  { code: "Forbedden*", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "NoPermission*", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "AccessDenied*", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "InsufficientBalance", meaning: "PROVIDER_DENIED", isRetried: false },

  // MissingParameter, and Missing with the name of a parameter.
  { code: "Missing*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidParameter*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidApi.NotFound", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidAction.NotFound", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidVersion", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "NoSuchVersion", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidProduct.NotFound", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidProtocol.NeedSsl", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "UnsupportedHTTPMethod", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "ContentMD5NotMatched", meaning: "BAD_USER_INPUT", isRetried: false },
];

/** IoT Platform, in answers with HTTP 200: https://help.aliyun.com/document_detail/87387.html. */
export const ALIYUN_IOT_ERRORS: readonly VendorErrorRule[] = [
  { code: "iot.system.SystemException", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "iot.messagebroker.RateLimit", meaning: "PROVIDER_THROTTLED", isRetried: true },
  { code: "iot.messagebroker.TIMEOUT", meaning: "PROVIDER_TIMEOUT", isRetried: true },

  { code: "iot.common.InvalidTenant", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "iot.common.RamActionPermissionDeny", meaning: "PROVIDER_DENIED", isRetried: false },
  { code: "iot.common.QueryDeviceActionError", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "iot.common.QueryProductActionError", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "iot.common.InvalidPageParams", meaning: "BAD_USER_INPUT", isRetried: false },

  { code: "iot.prod.NotExistedProduct", meaning: "NOT_FOUND", isRetried: false },
  { code: "iot.prod.NullProductKey", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.prod.InvalidFormattedProductkey", meaning: "BAD_USER_INPUT", isRetried: false },

  { code: "iot.device.NotExistedDevice", meaning: "NOT_FOUND", isRetried: false },
  { code: "iot.device.InactiveDevice", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.device.NullDeviceName", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.device.InvalidFormattedDeviceName", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.device.InvalidIoTId", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.device.QueryDeviceStatusFailed", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  {
    code: "iot.device.QueryDeviceListActionError",
    meaning: "PROVIDER_UNAVAILABLE",
    isRetried: true,
  },

  // No page lists codes about certificates: the vendor's way of naming has to tell.
  { code: "iot.*.NotExisted*", meaning: "NOT_FOUND", isRetried: false },
  { code: "iot.*.Null*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.*.Invalid*", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "iot.*ActionError", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "iot.*Exception", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "iot.*PermissionDeny", meaning: "PROVIDER_DENIED", isRetried: false },
];

/** ApsaraMQ for MQTT: https://api.aliyun.com/document/OnsMqtt/2020-04-20/GetDeviceCredential. */
export const ALIYUN_MQTT_ERRORS: readonly VendorErrorRule[] = [
  { code: "ApplyTokenOverFlow", meaning: "PROVIDER_THROTTLED", isRetried: true },
  toRefusedKey("CheckAccountInfoFailed"),
  // Also what an instance of somebody else yields.
  ...["InstancePermissionCheckFailed", "PermissionCheckFailed"].map(
    (code): VendorErrorRule => ({
      code,
      meaning: "PROVIDER_DENIED",
      isRetried: false,
      denies: "certificate",
    }),
  ),
  { code: "ParameterCheckFailed", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "ParameterFieldCheckFailed", meaning: "BAD_USER_INPUT", isRetried: false },
  { code: "InvalidParameter*", meaning: "BAD_USER_INPUT", isRetried: false },
  // Comes with HTTP 400, not 404.
  { code: "DeviceCredentialNotFound", meaning: "NOT_FOUND", isRetried: false },
  { code: "InternalError", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  { code: "SystemOverFlow", meaning: "PROVIDER_UNAVAILABLE", isRetried: true },
  // The region's endpoint does not know the API.
  { code: "ApiNotSupport", meaning: "PROVIDER_UNAVAILABLE", isRetried: false },
];

function toRefusedKey(code: string): VendorErrorRule {
  return { code, meaning: "PROVIDER_DENIED", isRetried: false, denies: "key" };
}

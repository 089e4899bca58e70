import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type CallOrigin, ProviderError, RequestError } from "../../src/errors.ts";
import {
  ALIYUN_GATEWAY_ERRORS,
  ALIYUN_IOT_ERRORS,
  ALIYUN_MQTT_ERRORS,
} from "../../src/providers/aliyun/error-codes.ts";
import {
  TENCENT_ERRORS,
  TENCENT_MQTT_ERRORS,
  TENCENT_SSL_ERRORS,
} from "../../src/providers/tencent/error-codes.ts";
import { TransportError, type TransportErrorKind } from "../../src/providers/transport.ts";
import {
  CertificateNotFoundError,
  findErrorRule,
  toCallError,
  toUnansweredError,
  type VendorErrorRule,
  type VendorRefusal,
} from "../../src/providers/vendor-errors.ts";
import { Secret } from "../../src/secret.ts";
import { createRecordingLog } from "./log.ts";

const NOT_FOUND = "NOT_FOUND";
const INPUT = "BAD_USER_INPUT";
const DENIED = "PROVIDER_DENIED";
const THROTTLED = "PROVIDER_THROTTLED, retried";
const TIMEOUT = "PROVIDER_TIMEOUT, retried";
const TRANSIENT = "PROVIDER_UNAVAILABLE, retried";
const UNAVAILABLE = "PROVIDER_UNAVAILABLE";

const TABLES = {
  tencentMqtt: [TENCENT_MQTT_ERRORS, TENCENT_ERRORS],
  tencentSsl: [TENCENT_SSL_ERRORS, TENCENT_ERRORS],
  aliyunIot: [ALIYUN_IOT_ERRORS, ALIYUN_GATEWAY_ERRORS],
  aliyunMqtt: [ALIYUN_MQTT_ERRORS, ALIYUN_GATEWAY_ERRORS],
} as const;

/** Every code that the vendors' pages and SDKs name for our calls, by product and by what it is for us. */
const CODES: Record<
  string,
  [tables: readonly (readonly VendorErrorRule[])[], byMeaning: Record<string, string>]
> = {
  "every Tencent product": [
    [TENCENT_ERRORS],
    {
      [THROTTLED]:
        "RequestLimitExceeded RequestLimitExceeded.IPLimitExceeded RequestLimitExceeded.UinLimitExceeded RequestLimitExceeded.GlobalRegionUinLimitExceeded",
      [TRANSIENT]: "InternalError InternalError.DbError ServiceUnavailable ResourceUnavailable",
      [DENIED]:
        "AuthFailure.InvalidAuthorization AuthFailure.InvalidSecretId AuthFailure.SecretIdNotFound AuthFailure.MFAFailure AuthFailure.SignatureFailure AuthFailure.TokenFailure AuthFailure.SignatureExpire AuthFailure.UnauthorizedOperation UnauthorizedOperation UnauthorizedOperation.CamNoAuth IpInBlacklist IpNotInWhitelist",
      [INPUT]:
        "InvalidParameter InvalidParameter.InstanceId InvalidParameterValue InvalidParameterValue.Limit MissingParameter UnknownParameter InvalidRequest InvalidAction NoSuchProduct NoSuchVersion ActionOffline UnsupportedProtocol UnsupportedRegion UnsupportedOperation RequestSizeLimitExceeded ResponseSizeLimitExceeded",
      [NOT_FOUND]: "ResourceNotFound ResourceNotFound.Anything",
      [UNAVAILABLE]:
        "ResourceInUse ResourceInsufficient LimitExceeded FailedOperation DryRunOperation",
    },
  ],
  "Tencent MQTT": [
    TABLES.tencentMqtt,
    {
      [TRANSIENT]: "FailedOperation.InstanceNotReady ResourceUnavailable InternalError",
      [NOT_FOUND]:
        "ResourceNotFound ResourceNotFound.Instance ResourceNotFound.Certificate ResourceNotFound.Ca ResourceNotFound.Role ResourceNotFound.Username",
      [DENIED]: "OperationDenied",
      [INPUT]: "InvalidParameterValue MissingParameter UnsupportedOperation.ResourceAlreadyExists",
      [UNAVAILABLE]:
        "FailedOperation FailedOperation.CallTrade FailedOperation.CertificateVerificationFailed",
    },
  ],
  "Tencent SSL": [
    TABLES.tencentSsl,
    {
      [NOT_FOUND]: "FailedOperation.CertificateNotFound",
      [DENIED]:
        "FailedOperation.AuthError FailedOperation.NoProjectPermission FailedOperation.NoRealNameAuth FailedOperation.CAMAuthorizedFail",
      [INPUT]:
        "FailedOperation.InvalidParam FailedOperation.CertificateInvalid FailedOperation.InvalidCertificateStatusCode",
      [THROTTLED]: "LimitExceeded.RateLimitExceeded",
      [TRANSIENT]:
        "FailedOperation.NetworkError FailedOperation.CannotGetOrder InternalError FailedOperation.SystemError InternalError.BackendResponseEmpty",
      [UNAVAILABLE]:
        "FailedOperation.CancelOrderFailed FailedOperation.CannotBeDeletedIssued FailedOperation.CannotBeDeletedWithinHour FailedOperation.CertificateMismatch FailedOperation.ExceedsFreeLimit FailedOperation.OrderAlreadyReplaced FailedOperation.OrderReplaceFailed LimitExceeded",
    },
  ],
  "the Alibaba gateway": [
    [ALIYUN_GATEWAY_ERRORS],
    {
      [THROTTLED]: "Throttling Throttling.User Throttling.Api Throttling.User.Flow",
      [TRANSIENT]: "ServiceUnavailable InternalError SignatureNonceUsed",
      [DENIED]:
        "InvalidTimeStamp.Expired InvalidTimeStamp.Format IllegalTimestamp InvalidAccessKeyId.NotFound InvalidAccessKeyId.Inactive SignatureDoesNotMatch IncompleteSignature InvalidSecurityToken.Expired InvalidSecurityToken.Malformed InvalidSecurityToken.MismatchWithAccessKey MissingSecurityToken InvalidSignatureMethod Forbidden Forbidden.RAM Forbedden.NotSupportRAM NoPermission Forbidden.RiskControl Forbidden.UserVerification Forbidden.AccessKeyDisabled AccessDenied InsufficientBalance",
      [INPUT]:
        "MissingInstanceId MissingParameter InvalidParameter InvalidParameter.ClientId InvalidApi.NotFound InvalidAction.NotFound InvalidVersion NoSuchVersion InvalidProduct.NotFound InvalidProtocol.NeedSsl UnsupportedHTTPMethod ContentMD5NotMatched",
    },
  ],
  "Alibaba IoT": [
    TABLES.aliyunIot,
    {
      [TRANSIENT]:
        "iot.system.SystemException iot.common.QueryDeviceActionError iot.common.QueryProductActionError iot.device.QueryDeviceStatusFailed iot.device.QueryDeviceListActionError",
      [THROTTLED]: "iot.messagebroker.RateLimit Throttling.User",
      [TIMEOUT]: "iot.messagebroker.TIMEOUT",
      [DENIED]: "iot.common.RamActionPermissionDeny iot.common.InvalidTenant Forbidden.RAM",
      [NOT_FOUND]: "iot.prod.NotExistedProduct iot.device.NotExistedDevice",
      [INPUT]:
        "iot.common.InvalidPageParams iot.prod.NullProductKey iot.prod.InvalidFormattedProductkey iot.device.InactiveDevice iot.device.NullDeviceName iot.device.InvalidFormattedDeviceName iot.device.InvalidIoTId",
    },
  ],
  "Alibaba IoT, codes that no page lists": [
    TABLES.aliyunIot,
    {
      [NOT_FOUND]: "iot.cert.NotExistedCert",
      [INPUT]: "iot.cert.NullCertSN iot.cert.InvalidFormattedCert iot.cert.InvalidAuthType",
      [TRANSIENT]: "iot.cert.QueryCertActionError iot.cert.CertException",
      [DENIED]: "iot.cert.CertPermissionDeny",
    },
  ],
  "Alibaba MQTT": [
    TABLES.aliyunMqtt,
    {
      [THROTTLED]: "ApplyTokenOverFlow Throttling",
      [DENIED]: "CheckAccountInfoFailed InstancePermissionCheckFailed PermissionCheckFailed",
      [INPUT]:
        "ParameterCheckFailed ParameterFieldCheckFailed InvalidParameter.%s InvalidParameter.ClientId",
      [NOT_FOUND]: "DeviceCredentialNotFound",
      [TRANSIENT]: "InternalError SystemOverFlow",
      [UNAVAILABLE]: "ApiNotSupport",
    },
  ],
};

describe.each(Object.entries(CODES))("the error codes of %s", (_, [tables, byMeaning]) => {
  const cases = Object.entries(byMeaning).flatMap(([meaning, codes]) =>
    codes.split(" ").map((code) => [code, meaning]),
  );
  it.each(cases)("%s is %s", (code, meaning) => {
    const rule = findErrorRule(tables, code);
    expect(rule && `${rule.meaning}${rule.isRetried ? ", retried" : ""}`).toBe(meaning);
  });
});

describe("the tables", () => {
  it.each(Object.entries(TABLES))("have no code of %s twice in one table", (_, tables) => {
    for (const table of tables) {
      const codes = table.map(({ code }) => code);
      expect(new Set(codes).size).toBe(codes.length);
    }
  });

  it("have another credential tried where the key or the token is refused, and not where it lacks a right", () => {
    const tables = [TENCENT_ERRORS, ALIYUN_MQTT_ERRORS, ALIYUN_GATEWAY_ERRORS];
    const isRefused = (code: string) => findErrorRule(tables, code)?.denies === "key";
    expect(isRefused("AuthFailure.TokenFailure")).toBe(true);
    expect(isRefused("AuthFailure.SecretIdNotFound")).toBe(true);
    expect(isRefused("InvalidSecurityToken.Expired")).toBe(true);
    expect(isRefused("InvalidAccessKeyId.NotFound")).toBe(true);
    expect(isRefused("CheckAccountInfoFailed")).toBe(true);
    expect(isRefused("AuthFailure.SignatureExpire")).toBe(false);
    expect(isRefused("AuthFailure.UnauthorizedOperation")).toBe(false);
    expect(isRefused("Forbidden.RAM")).toBe(false);
    expect(isRefused("InvalidTimeStamp.Expired")).toBe(false);
  });
});

describe("findErrorRule", () => {
  const rule = (code: string): VendorErrorRule => ({ code, meaning: DENIED, isRetried: false });
  const tables = [
    [rule("*End"), rule("A*"), rule("A.B*")],
    [rule("A.B.C"), rule("x.*.No*")],
  ];

  it.each([
    ["A.B.C", "A.B.C"],
    ["A.B.CD", "A.B*"],
    ["A.End", "A*"],
    ["x.End", "*End"],
    ["x.y.None", "x.*.No*"],
  ])("finds for %s the rule %s", (code, found) => {
    expect(findErrorRule(tables, code)?.code).toBe(found);
  });

  it.each(["x.y", "xAy.None", "B", ""])("finds none for '%s'", (code) => {
    expect(findErrorRule(tables, code)).toBeUndefined();
  });
});

const ORIGIN: CallOrigin = { provider: "tencent-mqtt", connection: "default" };

describe("toCallError", () => {
  it("warns of a code that no table knows, and takes it for an outage that stays", () => {
    const { error, log } = translate({ code: "Brand.New", requestId: "r-1" });
    expect(error).toMatchObject({
      code: "PROVIDER_UNAVAILABLE",
      isRetryable: false,
      extensions: { ...ORIGIN, providerCode: "Brand.New", requestId: "r-1" },
    });
    expect(log.entries).toMatchObject([
      { level: "warn", ...ORIGIN, providerCode: "Brand.New", requestId: "r-1" },
    ]);
  });

  it("retries a code that no table knows when the cloud says that it is its own failure", () => {
    expect(translate({ code: "Brand.New", status: 500 }).error).toMatchObject({
      isRetryable: true,
    });
  });

  it("says after one window that a throttled call may be made again", () => {
    expect(translate({ code: "RequestLimitExceeded" }).error).toMatchObject({
      code: "PROVIDER_THROTTLED",
      isRetryable: true,
      retryAfterMs: 1_000,
    });
  });

  it("takes HTTP 429 and a time to wait for a throttle, whatever the code", () => {
    expect(translate({ code: "Brand.New", status: 429 }).error).toMatchObject({
      code: "PROVIDER_THROTTLED",
    });
    expect(
      translate({ code: "InternalError", status: 503, retryAfterMs: 2_500 }).error,
    ).toMatchObject({
      code: "PROVIDER_THROTTLED",
      retryAfterMs: 2_500,
      extensions: { retryAfterMs: 2_500 },
    });
  });

  it("makes an error of its own of an absent certificate, and warns of nothing", () => {
    const { error, log } = translate({ code: "ResourceNotFound.Instance", requestId: "r-1" });
    expect(error).toBeInstanceOf(CertificateNotFoundError);
    expect(log.entries).toMatchObject([{ level: "debug" }]);
  });

  it("blames the caller for a wrong parameter, without extensions of a provider", () => {
    const { error } = translate({ code: "InvalidParameterValue.InstanceId" });
    expect(error).toBeInstanceOf(RequestError);
    expect(error).toMatchObject({ extensions: { code: "BAD_USER_INPUT" } });
  });

  it("logs the vendor's text without keys, and keeps it out of the error", () => {
    const text =
      "PLANTED-TEXT: AKIDOTHERKEY12345 and AKIDEXAMPLE, token TOKEN== of LTAI5tOtherKeyOfAnyone, SECRETEXAMPLE";
    const { error, log } = translate({ code: "AuthFailure.SignatureFailure", text });
    expect(inspect(error, { depth: null })).not.toContain("PLANTED");
    expect(log.entries).toMatchObject([
      {
        level: "warn",
        text: "PLANTED-TEXT: <redacted> and <redacted>, token <redacted> of <redacted>, <redacted>",
      },
    ]);
  });

  it("drops a code or request id that does not look like one", () => {
    const { error } = translate({ code: "PLANTED text", requestId: '{"PLANTED":1}' });
    expect(inspect(error, { depth: null })).not.toContain("PLANTED");
    expect(error).toMatchObject({ code: "PROVIDER_UNAVAILABLE" });
  });

  function translate(refusal: Partial<VendorRefusal>) {
    const log = createRecordingLog();
    const error = toCallError(
      { origin: ORIGIN, action: "DescribeDeviceCertificate", errorTables: TABLES.tencentMqtt, log },
      {
        status: 200,
        code: undefined,
        requestId: undefined,
        credential: {
          accessKeyId: "AKIDEXAMPLE",
          accessKeySecret: new Secret("SECRETEXAMPLE"),
          securityToken: new Secret("TOKEN=="),
        },
        ...refusal,
      },
    );
    return { error, log };
  }
});

describe("toUnansweredError", () => {
  it.each<[TransportErrorKind, boolean, string, boolean]>([
    ["timeout", false, "PROVIDER_TIMEOUT", true],
    ["timeout", true, "PROVIDER_TIMEOUT", false],
    ["aborted", true, "PROVIDER_TIMEOUT", true],
    ["connection", false, "PROVIDER_UNAVAILABLE", true],
    ["connection", true, "PROVIDER_UNAVAILABLE", true],
    ["proxy", false, "PROVIDER_UNAVAILABLE", true],
    ["tooLarge", true, "PROVIDER_UNAVAILABLE", false],
    ["closed", false, "PROVIDER_UNAVAILABLE", false],
  ])("makes of %s (sent: %s) %s (retryable: %s)", (kind, isSent, code, isRetryable) => {
    const log = createRecordingLog();
    const call = { origin: ORIGIN, action: "Describe", errorTables: [], log };
    const error = toUnansweredError(call, new TransportError(kind, "host failed", isSent));
    expect(error).toBeInstanceOf(ProviderError);
    expect(error).toMatchObject({ code, isRetryable, extensions: ORIGIN });
    expect(error).toHaveProperty("retryAfterMs", expect.any(Number));
  });

  it("warns of nothing that we ended ourselves", () => {
    const log = createRecordingLog();
    const call = { origin: ORIGIN, action: "Describe", errorTables: [], log };
    for (const kind of ["aborted", "closed", "connection"] as const) {
      toUnansweredError(call, new TransportError(kind, "host failed", false));
    }
    expect(log.entries.map(({ level }) => level)).toEqual(["debug", "warn"]);
  });

  it("does not hide a mistake of our own", () => {
    const mistake = new TypeError("x is not a function");
    const call = { origin: ORIGIN, action: "Describe", errorTables: [], log: createRecordingLog() };
    expect(toUnansweredError(call, mistake)).toBe(mistake);
  });
});

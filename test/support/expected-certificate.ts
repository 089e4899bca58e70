// What the graph must answer for each certificate of the emulated fleet: written from the contract and the vendors' words.
import type { Emulator } from "../../src/emulator/index.ts";
import { NO_X509, toExpectedLife, toExpectedX509 } from "./expected-x509.ts";

export type Json = Record<string, unknown>;
type Certificates = {
  [Product in "tencentMqtt" | "tencentSsl" | "aliyunIot" | "aliyunMqtt"]: ReturnType<
    Emulator["fleet"][Product]["at"]
  >;
};

/** Asked at `now`, read from the cloud at the same instant. */
export function toExpectedTencentMqtt(
  { id, instanceId, facts, x509, isChain }: Certificates["tencentMqtt"],
  now: Date,
): Json {
  const reported = { PENDING_ACTIVATION: "PENDING", ARCHIVED: "UNKNOWN" }[facts.Status];
  return {
    ...toCommon("TencentMqttDeviceCertificate", id, "TENCENT_CLOUD", now),
    ...toExpectedLife(reported ?? facts.Status, x509, now),
    providerStatus: facts.Status,
    createdAt: toIso(facts.CreatedTime),
    updatedAt: toIso(facts.UpdateTime),
    ...toExpectedX509(x509, isChain, now),
    instanceId,
    deviceCertificateSn: facts.DeviceCertificateSn,
    caSn: facts.CaSn,
    clientId: facts.ClientId ?? null,
    format: facts.Format,
    certificateSource: facts.CertificateSource,
    lastActivatedAt: toIso(facts.LastActivationTime),
    lastDeactivatedAt: toIso(facts.LastInactivationTime),
  };
}

const SSL_STATUS: Readonly<Record<string, readonly number[]>> = {
  PENDING: [0, 4, 5, 8, 11, 13, 15],
  ACTIVE: [1, 9, 12],
  INACTIVE: [6, 7, 14],
  EXPIRED: [3],
  REVOKED: [10],
  FAILED: [2],
};

/** With `hasDetail` also the fields that only the single call has. */
export function toExpectedTencentSsl(
  certificate: Certificates["tencentSsl"],
  hasDetail: boolean,
  now: Date,
): Json {
  const { id, statusCode, notBefore, notAfter } = certificate;
  const raw = certificate.toDetail();
  const [reported = "UNKNOWN"] =
    Object.entries(SSL_STATUS).find(([, codes]) => codes.includes(statusCode)) ?? [];
  return {
    ...NO_X509,
    ...toCommon("TencentSslCertificate", id, "TENCENT_CLOUD", now),
    ...toExpectedLife(reported, { notBefore, notAfter }, now),
    providerStatus: String(statusCode),
    createdAt: certificate.insertedAt.toISOString(),
    updatedAt: null,
    commonName: raw["Domain"],
    subjectAltNames: raw["SubjectAltName"],
    notBefore: notBefore?.toISOString() ?? null,
    notAfter: notAfter?.toISOString() ?? null,
    daysUntilExpiry:
      notAfter && Math.floor((notAfter.getTime() - now.getTime()) / (24 * 3600 * 1000)),
    certificateId: raw["CertificateId"],
    ownerUin: raw["OwnerUin"],
    projectId: raw["ProjectId"],
    source: raw["From"],
    certificateType: raw["CertificateType"],
    packageType: raw["PackageType"],
    packageTypeName: raw["PackageTypeName"],
    productName: raw["ProductZhName"],
    domain: raw["Domain"],
    alias: raw["Alias"],
    statusCode,
    statusName: raw["StatusName"],
    statusMessage: raw["StatusMsg"],
    verifyType: raw["VerifyType"],
    vulnerabilityStatus: raw["VulnerabilityStatus"],
    validityMonths: raw["ValidityPeriod"] === null ? null : Number(raw["ValidityPeriod"]),
    extra: toCamelCase(raw["CertificateExtra"]),
    isVip: raw["IsVip"],
    isWildcard: raw["IsWildcard"],
    isDv: raw["IsDv"],
    isVulnerabilityScanEnabled: raw["IsVulnerability"],
    renewable: raw["RenewAble"],
    deployable: raw["Deployable"],
    tags: toCamelCase(raw["Tags"]),
    caEncryptAlgorithms: raw["CAEncryptAlgorithms"],
    caCommonNames: raw["CACommonNames"],
    // The two values that the emulator sends, in GMT+8.
    caEndTimes: raw["CAEndTimes"] && ["2044-11-06T00:00:00.000Z", "2034-11-06T00:00:00.000Z"],
    ...(hasDetail && {
      orderId: raw["OrderId"],
      vulnerabilityReport: raw["VulnerabilityReport"],
      dvAuth: toCamelCase(raw["DvAuthDetail"]),
      dvRevokeAuth: toCamelCase(raw["DvRevokeAuthDetail"]),
    }),
  };
}

/** What the field submittedData must be. */
export function toExpectedSubmittedData(certificate: Certificates["tencentSsl"]): unknown {
  const { SubmittedData } = certificate.toDetail();
  const data = toCamelCase(SubmittedData);
  return Object.fromEntries(Object.entries(data ?? {}).filter(([name]) => name !== "keyPassword"));
}

export function toExpectedAliyunIot(
  { id, productKey, deviceName, status, x509, encoding, toItem }: Certificates["aliyunIot"],
  iotInstanceId: string | null,
  now: Date,
): Json {
  const reported = ["PENDING", "FAILED", "ACTIVE"][status] ?? "UNKNOWN";
  const dates = x509 ?? { notBefore: null, notAfter: null };
  return {
    ...toCommon("AliyunIotDeviceCertificate", id, "ALIBABA_CLOUD", now),
    ...(x509 === null ? NO_X509 : toExpectedX509(x509, encoding === "pemChain", now)),
    ...toExpectedLife(reported, dates, now),
    providerStatus: String(status),
    createdAt: null,
    updatedAt: null,
    productKey,
    deviceName,
    iotInstanceId,
    certSn: toItem().CertSN ?? null,
  };
}

export function toExpectedAliyunMqtt(
  { id, instanceId, clientId, item }: Certificates["aliyunMqtt"],
  now: Date,
): Json {
  return {
    ...toCommon("AliyunMqttDeviceCredential", id, "ALIBABA_CLOUD", now),
    status: "ACTIVE",
    providerStatus: null,
    createdAt: toIso(item.CreateTime),
    updatedAt: toIso(item.UpdateTime),
    instanceId,
    mqttClientId: clientId,
    deviceAccessKeyId: item.DeviceAccessKeyId,
  };
}

function toCommon(typeName: string, id: string, provider: string, now: Date): Json {
  return {
    __typename: typeName,
    id,
    provider,
    connection: "default",
    fetchedAt: now.toISOString(),
    stale: false,
  };
}

/** Milliseconds; 0 means never. */
function toIso(millis: number): string | null {
  return millis === 0 ? null : new Date(millis).toISOString();
}

/** The vendor's structure with its names as GraphQL spells them: `SMCert` is `smCert`. */
function toCamelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toCamelCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [
      name.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]/, (start) => start.toLowerCase()),
      toCamelCase(field),
    ]),
  );
}

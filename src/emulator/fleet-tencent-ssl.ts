// The emulated certificates of Tencent SSL Certificates: all sixteen statuses, every structure, the odd values of the real answers.
import { pickFrom, toCanary, toDeterminedHex, toDeterminedText } from "./determined.ts";
import {
  createFleetProduct,
  type ExpectedStatus,
  type FleetCertificate,
  type FleetOptions,
  type FleetProduct,
  toCertificateId,
} from "./fleet-product.ts";
import { toDeviceNumber, toPeriod, type Validity } from "./fleet-x509.ts";

type JsonObject = Readonly<Record<string, unknown>>;

export interface TencentSslCertificate extends FleetCertificate {
  readonly certificateId: string;
  readonly statusCode: number;
  readonly domain: string;
  /** `null` where the cloud has no date yet or sends one that cannot be read. */
  readonly notBefore: Date | null;
  readonly notAfter: Date | null;
  readonly insertedAt: Date;
  /** The answer of DescribeCertificate. */
  toDetail(): JsonObject;
  /** One element of the answer of DescribeCertificates: without five of the fields, with some more. */
  toItem(): JsonObject;
}

/** The fields that only the single call answers. */
export const TENCENT_SSL_DETAIL_FIELDS = [
  "OrderId",
  "DvAuthDetail",
  "VulnerabilityReport",
  "SubmittedData",
  "DvRevokeAuthDetail",
] as const;

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

interface Status {
  readonly name: string;
  readonly message: string;
  /** Whether the certificate authority has issued it, so that it has dates. */
  readonly isIssued: boolean;
  /** In the contract's life cycle, before the dates are looked at. */
  readonly expectedStatus: ExpectedStatus;
}

const STATUSES: readonly [Status, ...Status[]] = [
  { name: "审核中", message: "CA-REVIEWING", isIssued: false, expectedStatus: "PENDING" },
  { name: "已签发", message: "", isIssued: true, expectedStatus: "ACTIVE" },
  { name: "审核失败", message: "域名验证失败", isIssued: false, expectedStatus: "FAILED" },
  { name: "已过期", message: "", isIssued: true, expectedStatus: "EXPIRED" },
  { name: "已添加DNS记录", message: "PENDING-DCV", isIssued: false, expectedStatus: "PENDING" },
  { name: "待提交", message: "PRE-REVIEWING", isIssued: false, expectedStatus: "PENDING" },
  { name: "订单取消中", message: "", isIssued: false, expectedStatus: "INACTIVE" },
  { name: "已取消", message: "", isIssued: false, expectedStatus: "INACTIVE" },
  { name: "已提交资料", message: "ca-reviewing", isIssued: false, expectedStatus: "PENDING" },
  { name: "吊销中", message: "", isIssued: true, expectedStatus: "ACTIVE" },
  { name: "已吊销", message: "", isIssued: true, expectedStatus: "REVOKED" },
  { name: "重颁发中", message: "WAIT-ISSUE", isIssued: false, expectedStatus: "PENDING" },
  { name: "待上传吊销确认函", message: "", isIssued: true, expectedStatus: "ACTIVE" },
  { name: "免费证书待提交资料", message: "", isIssued: false, expectedStatus: "PENDING" },
  { name: "已退款", message: "", isIssued: false, expectedStatus: "INACTIVE" },
  { name: "证书迁移中", message: "", isIssued: false, expectedStatus: "PENDING" },
];

/** What the cloud sends in place of dates that it does not have. Five, so that each status sees all of them. */
const ABSENT_TIMES = ["", "--", "0000-00-00 00:00:00", null, ""] as const;

const SOURCES = ["trustasia", "upload", "wosign", "trustasia", "sheca"] as const;

export function createTencentSslFleet(options: FleetOptions): FleetProduct<TencentSslCertificate> {
  return createFleetProduct({
    prefix: "tencent-ssl",
    size: options.size,
    toKey: (index) => [toSslCertificateId(options.seed, index)],
    create: (index) => createCertificate(options, index),
  });
}

/** `YYYY-MM-DD HH:mm:ss` in GMT+8, the clock of all times of this API. */
function toBeijingTime(time: Date): string {
  return new Date(time.getTime() + 8 * HOUR_MS).toISOString().slice(0, 19).replace("T", " ");
}

function createCertificate({ seed, now }: FleetOptions, index: number): TencentSslCertificate {
  // Every other one is issued, the rest goes through all sixteen statuses.
  const statusCode = index % 2 === 0 ? 1 : (index >> 1) % 16;
  const status = pickFrom(STATUSES, statusCode);
  const validity = toValidity(statusCode, index);
  const period = status.isIssued ? toPeriod(validity, index, now) : null;
  const insertedAt = new Date(
    Math.min(period?.notBefore.getTime() ?? Number.POSITIVE_INFINITY, now.getTime()) -
      DAY_MS -
      (index % 50) * HOUR_MS,
  );
  const certificateId = toSslCertificateId(seed, index);
  const number = toDeviceNumber(index);
  const isWildcard = index % 9 === 4;
  const domain = isWildcard ? `*.g${number}.example.com` : `gateway-${number}.example.com`;
  const keyPassword = toCanary(seed, "tencent-ssl key password", index);
  const key = [certificateId];
  const context = { seed, index, now, certificateId, statusCode, status, domain, isWildcard };

  const shared = (): JsonObject => toSharedFields(context, period, insertedAt);
  return {
    index,
    id: toCertificateId("tencent-ssl", key),
    key,
    expectedStatus: toExpectedStatus(status.expectedStatus, period, now),
    canaries: [keyPassword],
    certificateId,
    statusCode,
    domain,
    notBefore: period?.notBefore ?? null,
    notAfter: period?.notAfter ?? null,
    insertedAt,
    toDetail: () => ({ ...shared(), ...toDetailFields(context, keyPassword) }),
    toItem: () => ({ ...shared(), ...toListFields(context, period) }),
  };
}

function toSslCertificateId(seed: string, index: number): string {
  return toDeterminedText(LETTERS_AND_DIGITS, 8, "tencent-ssl id", seed, index);
}

interface Context {
  readonly seed: string;
  readonly index: number;
  readonly now: Date;
  readonly certificateId: string;
  readonly statusCode: number;
  readonly status: Status;
  readonly domain: string;
  readonly isWildcard: boolean;
}

interface Period {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function toValidity(statusCode: number, index: number): Validity {
  if (statusCode === 3) return (index >> 5) % 2 === 0 ? "expired" : "valid";
  if (statusCode !== 1) return "valid";
  return pickFrom(
    ["valid", "expiringSoon", "valid", "longLived", "expired", "valid", "notYetValid"],
    index >> 1,
  );
}

function toExpectedStatus(
  status: ExpectedStatus,
  period: Period | null,
  now: Date,
): ExpectedStatus {
  const isPast = period !== null && period.notAfter < now;
  return isPast && status !== "REVOKED" && status !== "FAILED" ? "EXPIRED" : status;
}

function toSharedFields(context: Context, period: Period | null, insertedAt: Date): JsonObject {
  const { index, certificateId, statusCode, status, domain, isWildcard } = context;
  const source = pickFrom(SOURCES, index);
  const isUploaded = source === "upload";
  const isCa = index % 10 === 9;
  const absent = pickFrom(ABSENT_TIMES, index >> 1);
  return {
    OwnerUin: "100000000001",
    ProjectId: String(index % 3),
    From: source,
    CertificateType: isCa ? "CA" : index % 13 === 6 ? "svr" : "SVR",
    PackageType: isUploaded ? null : index % 17 === 5 ? "company" : String(2 + (index % 34)),
    ProductZhName: isUploaded ? null : "TrustAsia 域名型多域名 SSL 证书",
    Domain: domain,
    Alias: index % 4 === 3 ? "" : `网关 ${toDeviceNumber(index)}`,
    Status: statusCode,
    StatusMsg: status.message,
    VerifyType: pickFrom(["DNS_AUTO", "DNS", "FILE", "DNS_PROXY", "FILE_PROXY"], index),
    VulnerabilityStatus: pickFrom(["INACTIVE", "ACTIVE", null], index),
    CertBeginTime: period === null ? absent : toBeijingTime(period.notBefore),
    CertEndTime: period === null ? absent : toBeijingTime(period.notAfter),
    ValidityPeriod: isUploaded ? null : "12",
    InsertTime: toBeijingTime(insertedAt),
    CertificateExtra: {
      DomainNumber: "1",
      OriginCertificateId: index % 5 === 0 ? toOtherId(context, "origin") : "",
      ReplacedBy: statusCode === 11 ? toOtherId(context, "replaced by") : "",
      ReplacedFor: "",
      RenewOrder: index % 6 === 0 ? toOtherId(context, "renewal") : null,
      SMCert: index % 19 === 18 ? 1 : 0,
      CompanyType: 1 + (index % 2),
      ServiceRenewCertificateId: null,
      ServiceOriginCertificateId: null,
    },
    CertificateId: certificateId,
    PackageTypeName: isUploaded ? "" : "免费版 DV",
    StatusName: status.name,
    SubjectAltName: isWildcard ? [domain, domain.slice(2)] : [domain],
    IsVip: index % 8 === 1,
    IsWildcard: isWildcard,
    IsDv: !isUploaded,
    IsVulnerability: index % 3 === 1,
    RenewAble: statusCode === 1 && !isUploaded,
    Deployable: statusCode === 1,
    Tags:
      index % 3 === 0
        ? [
            { TagKey: "line", TagValue: String(index % 7) },
            { TagKey: "工厂", TagValue: "深圳" },
          ]
        : [],
    CAEncryptAlgorithms: isCa ? ["RSA 2048", "ECC 256"] : null,
    CACommonNames: isCa ? ["Example Root CA", "示例 中级 CA"] : null,
    // One of the two has lost a digit, as in an official example.
    CAEndTimes: isCa ? ["2044-11-06 08:00:0", "2034-11-06 08:00:00"] : null,
  };
}

function toDetailFields(context: Context, keyPassword: string): JsonObject {
  const { seed, index, statusCode, domain } = context;
  const auth = toDvAuth(context);
  const isPending = context.status.expectedStatus === "PENDING";
  return {
    OrderId: index % 5 === 1 ? null : toDeterminedText(LETTERS_AND_DIGITS, 8, "order", seed, index),
    DvAuthDetail: isPending
      ? {
          DvAuthKey: auth.DvAuthKey,
          DvAuthValue: auth.DvAuthValue,
          DvAuthDomain: domain,
          DvAuthPath: auth.DvAuthPath,
          DvAuthKeySubDomain: auth.DvAuthSubDomain,
          DvAuths: [auth],
        }
      : // The object stays when there is nothing in it.
        {
          DvAuthKey: null,
          DvAuthValue: null,
          DvAuthDomain: null,
          DvAuthPath: null,
          DvAuthKeySubDomain: null,
          DvAuths: null,
        },
    VulnerabilityReport: index % 3 === 1 ? `https://example.com/reports/${index}` : null,
    SubmittedData: {
      CsrType: "online",
      CsrContent: "",
      CertificateDomain: domain,
      DomainList: [domain],
      KeyPassword: keyPassword,
      OrganizationName: "示例设备有限公司",
      OrganizationDivision: "设备部",
      OrganizationAddress: "1 Example Road",
      OrganizationCountry: "CN",
      OrganizationCity: "深圳",
      OrganizationRegion: "广东",
      PostalCode: "518000",
      PhoneAreaCode: "0755",
      PhoneNumber: "00000000",
      AdminFirstName: "三",
      AdminLastName: "张",
      AdminPhoneNum: "00000000000",
      AdminEmail: `admin-${index}@example.com`,
      AdminPosition: "Engineer",
      ContactFirstName: "四",
      ContactLastName: "李",
      ContactNumber: "00000000000",
      ContactEmail: `contact-${index}@example.com`,
      ContactPosition: "Manager",
      VerifyType: "DNS",
    },
    DvRevokeAuthDetail: statusCode === 9 || statusCode === 12 ? [auth] : null,
  };
}

function toListFields({ index, now, statusCode }: Context, period: Period | null): JsonObject {
  return {
    ProjectInfo: {
      ProjectName: "默认项目",
      ProjectCreatorUin: 0,
      ProjectCreateTime: "0000-00-00 00:00:00",
      ProjectResume: "",
      OwnerUin: 100000000001,
      ProjectId: index % 3,
    },
    BoundResource: [],
    IsIgnore: false,
    IsSM: false,
    EncryptAlgorithm: "RSA 2048",
    PreAuditInfo: { TotalPeriod: 1, NowPeriod: 1, ManagerId: "" },
    AutoRenewFlag: index % 2,
    HostingStatus: 0,
    HostingCompleteTime: "",
    HostingRenewCertId: "",
    HasRenewOrder: "",
    ReplaceOriCertIsDelete: false,
    IsExpiring:
      period !== null &&
      period.notAfter > now &&
      period.notAfter.getTime() - now.getTime() < 30 * DAY_MS,
    DVAuthDeadline: "",
    ValidationPassedTime: "--",
    CertSANs: [],
    AwaitingValidationMsg: "",
    AllowDownload: statusCode === 1,
    IsDNSPODResolve: false,
    IsPackage: false,
    KeyPasswordCustomFlag: true,
    SupportDownloadType: {
      NGINX: true,
      APACHE: true,
      TOMCAT: true,
      IIS: true,
      JKS: true,
      OTHER: true,
      ROOT: true,
    },
    CertRevokedTime: statusCode === 10 ? toBeijingTime(new Date(now.getTime() - DAY_MS)) : "",
  };
}

function toDvAuth({ seed, index, domain }: Context) {
  return {
    DvAuthKey: `_dnsauth.${domain}`,
    DvAuthValue: toDeterminedHex(32, "dv auth", seed, index),
    DvAuthDomain: domain,
    DvAuthPath: "/.well-known/pki-validation/",
    DvAuthSubDomain: "_dnsauth",
    DvAuthVerifyType: "DNS",
  };
}

function toOtherId({ seed, index }: Context, relation: string): string {
  return toDeterminedText(LETTERS_AND_DIGITS, 8, relation, seed, index);
}

import type { FactsOf } from "../../../device-certificate/device-certificate.ts";
import type { DeviceCertificateStatus } from "../../../device-certificate/life-cycle.ts";
import type { TencentSslCertificate } from "./certificate.ts";
import type { CertificateDetail, CertificateItem, DvAuth, SubmittedData } from "./client.ts";
import type { SubmittedDataFacts, TencentSslDvAuth } from "./structures.ts";
import { toDateFromGmt8 } from "./times.ts";

/** By the vendor's number: 0 in review, 1 passed, 2 failed, 3 expired … 13 awaiting materials, 14 refunded, 15 moving. */
const STATUS: readonly DeviceCertificateStatus[] = [
  "PENDING",
  "ACTIVE",
  "FAILED",
  "EXPIRED",
  "PENDING",
  "PENDING",
  "INACTIVE",
  "INACTIVE",
  "PENDING",
  "ACTIVE",
  "REVOKED",
  "PENDING",
  "ACTIVE",
  "PENDING",
  "INACTIVE",
  "PENDING",
];

export function toFactsOfItem(item: CertificateItem): FactsOf<TencentSslCertificate> {
  return {
    ...toListedFacts(item),
    orderId: null,
    dvAuth: null,
    dvRevokeAuth: null,
    vulnerabilityReport: null,
    submittedData: null,
  };
}

/** `id` is the certificate's id in the graph. */
export function toFactsOfDetail(
  detail: CertificateDetail,
  id: string,
): FactsOf<TencentSslCertificate> {
  const dvAuth = detail.DvAuthDetail;
  return {
    ...toListedFacts(detail),
    orderId: detail.OrderId,
    dvAuth: dvAuth && {
      dvAuthKey: dvAuth.DvAuthKey,
      dvAuthValue: dvAuth.DvAuthValue,
      dvAuthDomain: dvAuth.DvAuthDomain,
      dvAuthPath: dvAuth.DvAuthPath,
      dvAuthKeySubDomain: dvAuth.DvAuthKeySubDomain,
      dvAuths: dvAuth.DvAuths?.map(toDvAuth) ?? null,
    },
    dvRevokeAuth: detail.DvRevokeAuthDetail?.map(toDvAuth) ?? null,
    vulnerabilityReport: detail.VulnerabilityReport,
    submittedData: detail.SubmittedData && toSubmittedData(detail.SubmittedData, id),
  };
}

function toListedFacts(
  item: CertificateItem,
): Omit<
  FactsOf<TencentSslCertificate>,
  "orderId" | "dvAuth" | "dvRevokeAuth" | "vulnerabilityReport" | "submittedData"
> {
  const extra = item.CertificateExtra;
  return {
    reportedStatus: (item.Status === null ? undefined : STATUS[item.Status]) ?? "UNKNOWN",
    providerStatus: item.Status === null ? null : String(item.Status),
    createdAt: toDateFromGmt8(item.InsertTime),
    updatedAt: null,
    // Neither call brings the certificate itself.
    bundle: null,
    reported: {
      serialNumber: null,
      commonName: item.Domain || null,
      organizationalUnit: null,
      subjectAltNames: item.SubjectAltName,
      notBefore: toDateFromGmt8(item.CertBeginTime),
      notAfter: toDateFromGmt8(item.CertEndTime),
    },
    certificateId: item.CertificateId ?? "",
    ownerUin: item.OwnerUin,
    projectId: item.ProjectId,
    source: item.From,
    certificateType: item.CertificateType,
    packageType: item.PackageType,
    packageTypeName: item.PackageTypeName,
    productName: item.ProductZhName,
    domain: item.Domain,
    alias: item.Alias,
    statusCode: item.Status,
    statusName: item.StatusName,
    statusMessage: item.StatusMsg,
    verifyType: item.VerifyType,
    vulnerabilityStatus: item.VulnerabilityStatus,
    validityMonths: toMonths(item.ValidityPeriod),
    extra: extra && {
      domainNumber: extra.DomainNumber,
      originCertificateId: extra.OriginCertificateId,
      replacedBy: extra.ReplacedBy,
      replacedFor: extra.ReplacedFor,
      renewOrder: extra.RenewOrder,
      smCert: extra.SMCert,
      companyType: extra.CompanyType,
      serviceRenewCertificateId: extra.ServiceRenewCertificateId,
      serviceOriginCertificateId: extra.ServiceOriginCertificateId,
    },
    isVip: item.IsVip,
    isWildcard: item.IsWildcard,
    isDv: item.IsDv,
    isVulnerabilityScanEnabled: item.IsVulnerability,
    renewable: item.RenewAble,
    deployable: item.Deployable,
    tags:
      item.Tags?.map(({ TagKey, TagValue }) => ({ tagKey: TagKey, tagValue: TagValue })) ?? null,
    caEncryptAlgorithms: item.CAEncryptAlgorithms,
    caCommonNames: item.CACommonNames,
    caEndTimes: item.CAEndTimes?.map(toDateFromGmt8) ?? null,
  };
}

function toDvAuth(auth: DvAuth): TencentSslDvAuth {
  return {
    dvAuthKey: auth.DvAuthKey,
    dvAuthValue: auth.DvAuthValue,
    dvAuthDomain: auth.DvAuthDomain,
    dvAuthPath: auth.DvAuthPath,
    dvAuthSubDomain: auth.DvAuthSubDomain,
    dvAuthVerifyType: auth.DvAuthVerifyType,
  };
}

function toSubmittedData(data: SubmittedData, id: string): SubmittedDataFacts {
  return {
    ofCertificate: id,
    csrType: data.CsrType,
    csrContent: data.CsrContent,
    certificateDomain: data.CertificateDomain,
    domainList: data.DomainList,
    organizationName: data.OrganizationName,
    organizationDivision: data.OrganizationDivision,
    organizationAddress: data.OrganizationAddress,
    organizationCountry: data.OrganizationCountry,
    organizationCity: data.OrganizationCity,
    organizationRegion: data.OrganizationRegion,
    postalCode: data.PostalCode,
    phoneAreaCode: data.PhoneAreaCode,
    phoneNumber: data.PhoneNumber,
    adminFirstName: data.AdminFirstName,
    adminLastName: data.AdminLastName,
    adminPhoneNum: data.AdminPhoneNum,
    adminEmail: data.AdminEmail,
    adminPosition: data.AdminPosition,
    contactFirstName: data.ContactFirstName,
    contactLastName: data.ContactLastName,
    contactNumber: data.ContactNumber,
    contactEmail: data.ContactEmail,
    contactPosition: data.ContactPosition,
    verifyType: data.VerifyType,
  };
}

function toMonths(validityPeriod: string | null): number | null {
  return validityPeriod !== null && /^\d{1,4}$/.test(validityPeriod)
    ? Number(validityPeriod)
    : null;
}

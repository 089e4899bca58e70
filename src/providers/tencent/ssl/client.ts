// The two calls of SSL Certificates (2019-12-05) that tell about certificates, in the vendor's words.
import { z } from "zod";
import type { Connection } from "../../../device-certificate/product.ts";
import type { CallOrigin } from "../../../errors.ts";
import {
  flag,
  integer,
  listOf,
  objectOf,
  readAnswer,
  readItems,
  requiredInteger,
  requiredObject,
  requiredText,
  secretText,
  text,
} from "../../answer.ts";
import { createTencentClient } from "../client.ts";
import { TENCENT_ERRORS, TENCENT_SSL_ERRORS } from "../error-codes.ts";

const CertificateItem = z.object({
  CertificateId: requiredText,
  OwnerUin: text,
  ProjectId: text,
  From: text,
  CertificateType: text,
  PackageType: text,
  PackageTypeName: text,
  ProductZhName: text,
  Domain: text,
  Alias: text,
  Status: requiredInteger,
  StatusName: text,
  StatusMsg: text,
  VerifyType: text,
  VulnerabilityStatus: text,
  CertBeginTime: text,
  CertEndTime: text,
  ValidityPeriod: text,
  InsertTime: text,
  CertificateExtra: objectOf({
    DomainNumber: text,
    OriginCertificateId: text,
    ReplacedBy: text,
    ReplacedFor: text,
    RenewOrder: text,
    SMCert: integer,
    CompanyType: integer,
    ServiceRenewCertificateId: text,
    ServiceOriginCertificateId: text,
  }),
  SubjectAltName: listOf(z.string()),
  IsVip: flag,
  IsWildcard: flag,
  IsDv: flag,
  IsVulnerability: flag,
  RenewAble: flag,
  Deployable: flag,
  Tags: listOf(z.object({ TagKey: z.string(), TagValue: text })),
  CAEncryptAlgorithms: listOf(z.string()),
  CACommonNames: listOf(z.string()),
  CAEndTimes: listOf(z.string().nullable()),
});

const DvAuth = z.object({
  DvAuthKey: text,
  DvAuthValue: text,
  DvAuthDomain: text,
  DvAuthPath: text,
  DvAuthSubDomain: text,
  DvAuthVerifyType: text,
});

const CertificateDetail = CertificateItem.extend({
  OrderId: text,
  DvAuthDetail: objectOf({
    DvAuthKey: text,
    DvAuthValue: text,
    DvAuthDomain: text,
    DvAuthPath: text,
    DvAuthKeySubDomain: text,
    DvAuths: listOf(DvAuth),
  }),
  DvRevokeAuthDetail: listOf(DvAuth),
  VulnerabilityReport: text,
  // KeyPassword is not named here: it must go no further than this file.
  SubmittedData: objectOf({
    CsrType: text,
    CsrContent: text,
    CertificateDomain: text,
    DomainList: listOf(z.string()),
    OrganizationName: text,
    OrganizationDivision: text,
    OrganizationAddress: text,
    OrganizationCountry: text,
    OrganizationCity: text,
    OrganizationRegion: text,
    PostalCode: text,
    PhoneAreaCode: text,
    PhoneNumber: text,
    AdminFirstName: text,
    AdminLastName: text,
    AdminPhoneNum: text,
    AdminEmail: text,
    AdminPosition: text,
    ContactFirstName: text,
    ContactLastName: text,
    ContactNumber: text,
    ContactEmail: text,
    ContactPosition: text,
    VerifyType: text,
  }),
});

/** For handing out the secret: with what tells whose it is, and nothing else of the same answer. */
const KeyPasswordAnswer = z.object({
  CertificateId: requiredText,
  SubmittedData: requiredObject({ KeyPassword: secretText }),
});

/** What both calls say of one certificate. */
export type CertificateItem = z.output<typeof CertificateItem>;
/** What the single call says beyond that. */
export type CertificateDetail = z.output<typeof CertificateDetail>;
export type KeyPasswordAnswer = z.output<typeof KeyPasswordAnswer>;
export type DvAuth = z.output<typeof DvAuth>;
export type SubmittedData = NonNullable<CertificateDetail["SubmittedData"]>;

const CertificateList = z.object({ Certificates: z.array(z.unknown()).nullish() });

export function createTencentSslClient(connection: Connection, origin: CallOrigin) {
  const client = createTencentClient({
    ...connection,
    origin,
    service: "ssl",
    version: "2019-12-05",
    errorTables: [TENCENT_SSL_ERRORS, TENCENT_ERRORS],
  });

  return {
    /** https://cloud.tencent.com/document/api/400/41674 */
    async describeCertificate(
      certificateId: string,
      signal?: AbortSignal,
    ): Promise<CertificateDetail> {
      const parameters = { CertificateId: certificateId };
      const answer = await client.request("DescribeCertificate", parameters, signal);
      return readAnswer(CertificateDetail, answer, origin);
    },

    /** The same call for the password of the private key that was handed in. */
    async describeKeyPassword(
      certificateId: string,
      signal?: AbortSignal,
    ): Promise<KeyPasswordAnswer> {
      const parameters = { CertificateId: certificateId };
      const answer = await client.request("DescribeCertificate", parameters, signal);
      return readAnswer(KeyPasswordAnswer, answer, origin);
    },

    /** https://cloud.tencent.com/document/api/400/41671 */
    async describeCertificates(
      certificateIds: readonly string[],
      signal?: AbortSignal,
    ): Promise<CertificateItem[]> {
      const parameters = {
        CertIds: certificateIds,
        // Without it the cloud answers with ten, however many ids are asked for.
        Limit: certificateIds.length,
        Offset: 0,
      };
      const answer = await client.request("DescribeCertificates", parameters, signal);
      const { Certificates } = readAnswer(CertificateList, answer, origin);
      return readItems(CertificateItem, Certificates ?? []);
    },
  };
}

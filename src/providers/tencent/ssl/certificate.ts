import { Directive, Field, ID, Int, ObjectType } from "type-graphql";
import { DateTime } from "../../../device-certificate/date-time.ts";
import {
  type FactsOf,
  X509DeviceCertificate,
} from "../../../device-certificate/device-certificate.ts";
import { toSharing, X509_SHARING } from "../../../device-certificate/sharing.ts";
import { RequiresScope, SCOPES } from "../../../scopes.ts";
import {
  type SubmittedDataFacts,
  TencentSslCertificateExtra,
  TencentSslDvAuth,
  TencentSslDvAuthDetail,
  TencentSslSubmittedData,
  TencentTag,
} from "./structures.ts";

@Directive('@key(fields: "id")')
@ObjectType({
  description: "A certificate held in Tencent Cloud SSL Certificates.",
  implements: X509DeviceCertificate,
})
export class TencentSslCertificate extends X509DeviceCertificate {
  @Field(() => ID, { description: "Its id in Tencent Cloud. Source: CertificateId." })
  readonly certificateId!: string;

  @Field(() => String, {
    nullable: true,
    description: "The account that owns it. Source: OwnerUin; null when absent.",
  })
  readonly ownerUin!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The project that it belongs to. Source: ProjectId; null when absent.",
  })
  readonly projectId!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Where it comes from: trustasia, upload, wosign or sheca. Source: From; null when absent.",
  })
  readonly source!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "CA for a client certificate, SVR for a server certificate. Source: CertificateType; null when absent.",
  })
  readonly certificateType!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Number of the product that was bought. Source: PackageType; null for an uploaded certificate.",
  })
  readonly packageType!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Name of that product, localised by the cloud. Source: PackageTypeName; null when absent.",
  })
  readonly packageTypeName!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Name of the certificate product, localised by the cloud. Source: ProductZhName; null when absent.",
  })
  readonly productName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The main domain. Source: Domain; null when absent.",
  })
  readonly domain!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "A remark that somebody gave it. Source: Alias; null when absent.",
  })
  readonly alias!: string | null;

  @Field(() => Int, {
    nullable: true,
    description: "The cloud's status as a number, 0 to 15. Source: Status; null when absent.",
  })
  readonly statusCode!: number | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The cloud's status as a text, localised by the cloud. Source: StatusName; null when absent.",
  })
  readonly statusName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "What the status means in this case. Source: StatusMsg; null when absent.",
  })
  readonly statusMessage!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "How the domain is validated: DNS_AUTO, DNS, FILE, DNS_PROXY or FILE_PROXY. Source: VerifyType; null when absent.",
  })
  readonly verifyType!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "State of the vulnerability scan. Source: VulnerabilityStatus; null when absent.",
  })
  readonly vulnerabilityStatus!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Report of the vulnerability scan. Costs a cloud call for each certificate. Source: VulnerabilityReport; null when absent.",
  })
  readonly vulnerabilityReport!: string | null;

  @Field(() => Int, {
    nullable: true,
    description: "Length of its validity, in months. Source: ValidityPeriod; null when absent.",
  })
  readonly validityMonths!: number | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The order that it was bought with. Costs a cloud call for each certificate. Source: OrderId; null when absent.",
  })
  readonly orderId!: string | null;

  @Field(() => TencentSslCertificateExtra, {
    nullable: true,
    description: "Renewals and the like. Source: CertificateExtra; null when absent.",
  })
  readonly extra!: TencentSslCertificateExtra | null;

  @Field(() => TencentSslDvAuthDetail, {
    nullable: true,
    description:
      "How the ownership of its domains is shown. Costs a cloud call for each certificate. Source: DvAuthDetail; null when absent.",
  })
  readonly dvAuth!: TencentSslDvAuthDetail | null;

  @Field(() => [TencentSslDvAuth], {
    nullable: true,
    description:
      "How the ownership is shown for its revocation. Costs a cloud call for each certificate. Source: DvRevokeAuthDetail; null when absent.",
  })
  readonly dvRevokeAuth!: TencentSslDvAuth[] | null;

  @Field(() => Boolean, {
    nullable: true,
    description: "Whether the owner is a VIP customer. Source: IsVip; null when absent.",
  })
  readonly isVip!: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: "Whether it is for all hosts of a domain. Source: IsWildcard; null when absent.",
  })
  readonly isWildcard!: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: "Whether it validates the domain only. Source: IsDv; null when absent.",
  })
  readonly isDv!: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description:
      "Whether vulnerability scans are switched on. Source: IsVulnerability; null when absent.",
  })
  readonly isVulnerabilityScanEnabled!: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: "Whether it can be reissued. Source: RenewAble; null when absent.",
  })
  readonly renewable!: boolean | null;

  @Field(() => Boolean, {
    nullable: true,
    description: "Whether it can be deployed. Source: Deployable; null when absent.",
  })
  readonly deployable!: boolean | null;

  @Field(() => [TencentTag], {
    nullable: true,
    description: "Its tags. Source: Tags; null when absent.",
  })
  readonly tags!: TencentTag[] | null;

  @Field(() => [String], {
    nullable: true,
    description:
      "Signature algorithms of the CA certificates. Source: CAEncryptAlgorithms; null when absent.",
  })
  readonly caEncryptAlgorithms!: string[] | null;

  @Field(() => [String], {
    nullable: true,
    description: "Common names of the CA certificates. Source: CACommonNames; null when absent.",
  })
  readonly caCommonNames!: string[] | null;

  @Field(() => [DateTime], {
    nullable: "itemsAndList",
    description:
      "When the CA certificates expire; null when absent, an item null when unreadable. Source: CAEndTimes.",
  })
  readonly caEndTimes!: (Date | null)[] | null;

  @RequiresScope(SCOPES.personalRead)
  @Field(() => TencentSslSubmittedData, {
    nullable: true,
    description:
      "What was handed in with the application; personal data. Costs a cloud call for each certificate. Source: SubmittedData; null when absent.",
  })
  readonly submittedData!: SubmittedDataFacts | null;
}

/** The fields that only the single call brings. */
export const DETAIL_FIELDS = [
  "orderId",
  "dvAuth",
  "dvRevokeAuth",
  "vulnerabilityReport",
  "submittedData",
] as const satisfies (keyof TencentSslCertificate)[];

const DV_AUTH_SHARING = {
  dvAuthKey: true,
  dvAuthValue: true,
  dvAuthDomain: true,
  dvAuthPath: true,
} as const;

export const SHARING = toSharing<FactsOf<TencentSslCertificate>>({
  ...X509_SHARING,
  certificateId: true,
  ownerUin: true,
  projectId: true,
  source: true,
  certificateType: true,
  packageType: true,
  packageTypeName: true,
  productName: true,
  domain: true,
  alias: true,
  statusCode: true,
  statusName: true,
  statusMessage: true,
  verifyType: true,
  vulnerabilityStatus: true,
  vulnerabilityReport: true,
  validityMonths: true,
  orderId: true,
  extra: {
    domainNumber: true,
    originCertificateId: true,
    replacedBy: true,
    replacedFor: true,
    renewOrder: true,
    smCert: true,
    companyType: true,
    serviceRenewCertificateId: true,
    serviceOriginCertificateId: true,
  },
  dvAuth: {
    ...DV_AUTH_SHARING,
    dvAuthKeySubDomain: true,
    dvAuths: { ...DV_AUTH_SHARING, dvAuthSubDomain: true, dvAuthVerifyType: true },
  },
  dvRevokeAuth: { ...DV_AUTH_SHARING, dvAuthSubDomain: true, dvAuthVerifyType: true },
  isVip: true,
  isWildcard: true,
  isDv: true,
  isVulnerabilityScanEnabled: true,
  renewable: true,
  deployable: true,
  tags: { tagKey: true, tagValue: true },
  caEncryptAlgorithms: true,
  caCommonNames: true,
  caEndTimes: true,
  // Names, addresses and telephone numbers of people.
  submittedData: false,
});

// The structures within a Tencent SSL certificate, with every field that the vendor documents.
import { Field, Int, ObjectType } from "type-graphql";
import { SealedField, type SealingContext } from "../../../device-certificate/sealed-field.ts";

@ObjectType({ description: "A tag of a Tencent Cloud resource." })
export class TencentTag {
  @Field(() => String, { description: "Key of the tag. Source: Tags.TagKey." })
  readonly tagKey!: string;

  @Field(() => String, {
    nullable: true,
    description: "Value of the tag; null when it has none. Source: Tags.TagValue.",
  })
  readonly tagValue!: string | null;
}

@ObjectType({ description: "Further facts of a Tencent SSL certificate, mostly about renewals." })
export class TencentSslCertificateExtra {
  @Field(() => String, {
    nullable: true,
    description:
      "How many domains the certificate may name. Source: DomainNumber; null when absent.",
  })
  readonly domainNumber!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The certificate that this one renews. Source: OriginCertificateId; null when absent.",
  })
  readonly originCertificateId!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The original of this reissued certificate. Source: ReplacedBy; null when absent.",
  })
  readonly replacedBy!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The reissued certificate that replaces this one. Source: ReplacedFor; null when absent.",
  })
  readonly replacedFor!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The certificate that renews this one. Source: RenewOrder; null when absent.",
  })
  readonly renewOrder!: string | null;

  @Field(() => Int, {
    nullable: true,
    description:
      "1 for a certificate of Chinese national (SM) algorithms. Source: SMCert; null when absent.",
  })
  readonly smCert!: number | null;

  @Field(() => Int, {
    nullable: true,
    description:
      "Kind of applicant: 1 a person, 2 a company. Source: CompanyType; null when absent.",
  })
  readonly companyType!: number | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The next certificate of the subscription. Source: ServiceRenewCertificateId; null when absent.",
  })
  readonly serviceRenewCertificateId!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The certificate of the subscription before this one. Source: ServiceOriginCertificateId; null when absent.",
  })
  readonly serviceOriginCertificateId!: string | null;
}

@ObjectType({ description: "One record or file by which the ownership of a domain is shown." })
export class TencentSslDvAuth {
  @Field(() => String, {
    nullable: true,
    description: "Name of the validation record. Source: DvAuthKey; null when absent.",
  })
  readonly dvAuthKey!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Value of the validation record. Source: DvAuthValue; null when absent.",
  })
  readonly dvAuthValue!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The domain that is validated. Source: DvAuthDomain; null when absent.",
  })
  readonly dvAuthDomain!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Path of the validation file, with FILE and FILE_PROXY only. Source: DvAuthPath; null when absent.",
  })
  readonly dvAuthPath!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The subdomain that is validated. Source: DvAuthSubDomain; null when absent.",
  })
  readonly dvAuthSubDomain!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Kind of validation: TXT, FILE or CNAME. Source: DvAuthVerifyType; null when absent.",
  })
  readonly dvAuthVerifyType!: string | null;
}

@ObjectType({ description: "How the ownership of a certificate's domains is shown." })
export class TencentSslDvAuthDetail {
  @Field(() => String, {
    nullable: true,
    description: "Name of the validation record. Source: DvAuthKey; null when absent.",
  })
  readonly dvAuthKey!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Value of the validation record. Source: DvAuthValue; null when absent.",
  })
  readonly dvAuthValue!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The domain that is validated. Source: DvAuthDomain; null when absent.",
  })
  readonly dvAuthDomain!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "Path of the validation file, with FILE and FILE_PROXY only. Source: DvAuthPath; null when absent.",
  })
  readonly dvAuthPath!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "The subdomain of the validation record. Source: DvAuthKeySubDomain; null when absent.",
  })
  readonly dvAuthKeySubDomain!: string | null;

  @Field(() => [TencentSslDvAuth], {
    nullable: true,
    description:
      "One entry a domain, where several are validated. Source: DvAuths; null when absent.",
  })
  readonly dvAuths!: TencentSslDvAuth[] | null;
}

@ObjectType({
  description: "What was handed in with the application for a certificate, personal data included.",
})
export class TencentSslSubmittedData {
  @Field(() => String, {
    nullable: true,
    description:
      "Origin of the signing request: online or parse. Source: CsrType; null when absent.",
  })
  readonly csrType!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The signing request, PEM. Source: CsrContent; null when absent.",
  })
  readonly csrContent!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The common name applied for. Source: CertificateDomain; null when absent.",
  })
  readonly certificateDomain!: string | null;

  @Field(() => [String], {
    nullable: true,
    description: "All domains applied for. Source: DomainList; null when absent.",
  })
  readonly domainList!: string[] | null;

  @Field(() => String, {
    nullable: true,
    description: "Name of the company. Source: OrganizationName; null when absent.",
  })
  readonly organizationName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Department of the company. Source: OrganizationDivision; null when absent.",
  })
  readonly organizationDivision!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Street address of the company. Source: OrganizationAddress; null when absent.",
  })
  readonly organizationAddress!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Country of the company. Source: OrganizationCountry; null when absent.",
  })
  readonly organizationCountry!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "City of the company. Source: OrganizationCity; null when absent.",
  })
  readonly organizationCity!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Province of the company. Source: OrganizationRegion; null when absent.",
  })
  readonly organizationRegion!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Postal code of the company. Source: PostalCode; null when absent.",
  })
  readonly postalCode!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Area code of the company's telephone. Source: PhoneAreaCode; null when absent.",
  })
  readonly phoneAreaCode!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The company's telephone number. Source: PhoneNumber; null when absent.",
  })
  readonly phoneNumber!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "First name of the administrator. Source: AdminFirstName; null when absent.",
  })
  readonly adminFirstName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Last name of the administrator. Source: AdminLastName; null when absent.",
  })
  readonly adminLastName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Telephone number of the administrator. Source: AdminPhoneNum; null when absent.",
  })
  readonly adminPhoneNum!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "E-mail address of the administrator. Source: AdminEmail; null when absent.",
  })
  readonly adminEmail!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Position of the administrator. Source: AdminPosition; null when absent.",
  })
  readonly adminPosition!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "First name of the contact. Source: ContactFirstName; null when absent.",
  })
  readonly contactFirstName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Last name of the contact. Source: ContactLastName; null when absent.",
  })
  readonly contactLastName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Telephone number of the contact. Source: ContactNumber; null when absent.",
  })
  readonly contactNumber!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "E-mail address of the contact. Source: ContactEmail; null when absent.",
  })
  readonly contactEmail!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Position of the contact. Source: ContactPosition; null when absent.",
  })
  readonly contactPosition!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Kind of validation applied for. Source: VerifyType; null when absent.",
  })
  readonly verifyType!: string | null;

  @SealedField("The password of the private key that was handed in", "KeyPassword")
  sealedKeyPassword(recipient: string, { secrets }: SealingContext): Promise<string | null> {
    return secrets.seal(this.ofCertificate, "keyPassword", recipient);
  }

  /** Id of the certificate that it belongs to; no field of the graph. */
  readonly ofCertificate!: string;
}

/** What the mapper says of it: all but the secret. */
export type SubmittedDataFacts = Omit<TencentSslSubmittedData, "sealedKeyPassword">;

// The interfaces that every certificate in the graph implements, and what a product must say to make one.

import { type ClassType, Directive, Field, ID, Int, InterfaceType } from "type-graphql";
import { CloudProvider } from "./cloud-provider.ts";
import { DateTime } from "./date-time.ts";
import {
  DeviceCertificateStatus,
  toDaysUntilExpiry,
  toNextChangeMs,
  toStatus,
  toStatusDisagrees,
} from "./life-cycle.ts";
import type { CertificateBundle, X509Facts } from "./x509.ts";

/** What one answer adds to the facts that the cloud gave. */
export interface CertificateAnswer {
  readonly id: string;
  readonly provider: string;
  readonly connection: string;
  readonly fetchedAt: Date;
  readonly stale: boolean;
  /** The instant for which status and days until expiry are told. */
  readonly readAt: Date;
}

@Directive('@key(fields: "id")')
@InterfaceType({
  description:
    "A certificate or access credential of one device, in whichever cloud product it is held.",
  autoRegisterImplementations: false,
  resolveType: ({ __typename }: DeviceCertificate) => __typename,
})
export abstract class DeviceCertificate implements CertificateAnswer {
  @Field(() => ID, {
    description:
      "Names the certificate in the whole supergraph: product, connection, and the product's own key, separated by colons.",
  })
  readonly id!: string;

  @Field(() => CloudProvider, { description: "The cloud that holds it." })
  readonly provider!: string;

  @Field(() => String, {
    description: "The configured connection to that cloud through which it was read.",
  })
  readonly connection!: string;

  @Field(() => DeviceCertificateStatus, {
    description:
      "Where it stands in its life cycle now: from the cloud's word, and EXPIRED once notAfter is past unless it is REVOKED or FAILED.",
  })
  get status(): DeviceCertificateStatus {
    return toStatus(this.reportedStatus, this.expiry, this.readAt);
  }

  @Field(() => String, {
    nullable: true,
    description: "The cloud's own word for its status; null where the product has none.",
  })
  readonly providerStatus!: string | null;

  @Field(() => DateTime, {
    nullable: true,
    description:
      "When it was created or registered in the cloud; null where the cloud does not say.",
  })
  readonly createdAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "When the cloud last changed it; null where the cloud does not say.",
  })
  readonly updatedAt!: Date | null;

  @Field(() => DateTime, { description: "When this was read from the cloud." })
  readonly fetchedAt!: Date;

  @Field(() => Boolean, {
    description: "True when it is older than its freshness and could not be read anew in time.",
  })
  readonly stale!: boolean;

  readonly readAt!: Date;
  /** The cloud's status in the words of the common life cycle. */
  readonly reportedStatus!: DeviceCertificateStatus;

  /** Read by the gateway protocol, which must know the concrete type. */
  get __typename(): string {
    return this.constructor.name;
  }

  /**
   * Until when all that was read of it so far stays the same by itself, in milliseconds since 1970. What depends on the
   * time reads the dates.
   */
  get unchangedUntilMs(): number {
    return Infinity;
  }

  /** When it expires; `null` for what never does. */
  protected get expiry(): Date | null {
    return null;
  }
}

/** What the cloud's own fields say, for certificates that come without a readable PEM. */
export type ReportedX509 = {
  readonly [Fact in
    | "serialNumber"
    | "commonName"
    | "organizationalUnit"
    | "subjectAltNames"
    | "notBefore"
    | "notAfter"]: X509Facts[Fact] | null;
};

const FROM_CERTIFICATE =
  "From the certificate itself where the cloud gives it, else from the cloud's own fields; null where neither says.";
const ONLY_CERTIFICATE = "From the certificate itself; null where the cloud does not give it.";

@Directive('@key(fields: "id")')
@InterfaceType({
  description:
    "What an X.509 certificate adds. From the certificate itself where the cloud gives it, else from the cloud's own fields.",
  implements: DeviceCertificate,
  autoRegisterImplementations: false,
  resolveType: ({ __typename }: DeviceCertificate) => __typename,
})
export abstract class X509DeviceCertificate extends DeviceCertificate {
  /** The certificates that the cloud sent. */
  readonly bundle!: CertificateBundle | null;
  readonly reported!: ReportedX509;

  @Field(() => String, {
    nullable: true,
    description: `Serial number in upper-case hexadecimal. ${FROM_CERTIFICATE}`,
  })
  get serialNumber(): string | null {
    return this.x509?.serialNumber ?? this.reported.serialNumber;
  }

  @Field(() => String, {
    nullable: true,
    description: `Common name (CN) of the subject. ${FROM_CERTIFICATE}`,
  })
  get commonName(): string | null {
    return this.x509 ? this.x509.commonName : this.reported.commonName;
  }

  @Field(() => String, {
    nullable: true,
    description: `Organizational unit (OU) of the subject. ${FROM_CERTIFICATE}`,
  })
  get organizationalUnit(): string | null {
    return this.x509 ? this.x509.organizationalUnit : this.reported.organizationalUnit;
  }

  @Field(() => String, {
    nullable: true,
    description: `Distinguished name of the subject (RFC 4514). ${ONLY_CERTIFICATE}`,
  })
  get subject(): string | null {
    return this.x509?.subject || null;
  }

  @Field(() => String, {
    nullable: true,
    description: `Distinguished name of the issuer (RFC 4514). ${ONLY_CERTIFICATE}`,
  })
  get issuer(): string | null {
    return this.x509?.issuer || null;
  }

  @Field(() => [String], {
    nullable: true,
    description: `Subject alternative names: host names, addresses and URIs, without their kind. ${FROM_CERTIFICATE}`,
  })
  get subjectAltNames(): readonly string[] | null {
    return this.x509 ? this.x509.subjectAltNames : this.reported.subjectAltNames;
  }

  @Field(() => DateTime, {
    nullable: true,
    description: `Start of its validity. ${FROM_CERTIFICATE}`,
  })
  get notBefore(): Date | null {
    return this.x509?.notBefore ?? this.reported.notBefore;
  }

  @Field(() => DateTime, {
    nullable: true,
    description: `End of its validity. ${FROM_CERTIFICATE}`,
  })
  get notAfter(): Date | null {
    return this.x509?.notAfter ?? this.reported.notAfter;
  }

  @Field(() => Int, {
    nullable: true,
    description:
      "Whole days from now until notAfter, rounded down; negative once expired; null where notAfter is.",
  })
  get daysUntilExpiry(): number | null {
    return toDaysUntilExpiry(this.notAfter, this.readAt);
  }

  @Field(() => Boolean, {
    description:
      "The cloud's status and the certificate's own dates contradict each other: ACTIVE outside of them, or EXPIRED inside.",
  })
  get statusDisagrees(): boolean {
    return toStatusDisagrees(this.reportedStatus, this, this.readAt);
  }

  @Field(() => String, {
    nullable: true,
    description:
      "The leaf certificate as PEM, normalised, also where the cloud sends bare base64 or a chain; null where the cloud does not give it.",
  })
  get pem(): string | null {
    return this.x509?.pem ?? null;
  }

  @Field(() => [String], {
    nullable: true,
    description:
      "All certificates that the cloud sent, each as PEM, the leaf first; null where it gives none.",
  })
  get pemChain(): readonly string[] | null {
    return this.x509?.pemChain ?? null;
  }

  @Field(() => String, {
    nullable: true,
    description: `SHA-256 fingerprint in upper-case hexadecimal pairs with colons. ${ONLY_CERTIFICATE}`,
  })
  get fingerprintSha256(): string | null {
    return this.x509?.fingerprintSha256 ?? null;
  }

  @Field(() => String, {
    nullable: true,
    description: `Algorithm of the public key: RSA, EC, Ed25519 and so on. ${ONLY_CERTIFICATE}`,
  })
  get publicKeyAlgorithm(): string | null {
    return this.x509?.publicKeyAlgorithm ?? null;
  }

  @Field(() => Int, {
    nullable: true,
    description: `Size of the public key in bits. ${ONLY_CERTIFICATE}`,
  })
  get publicKeyBits(): number | null {
    return this.x509?.publicKeyBits ?? null;
  }

  override get unchangedUntilMs(): number {
    if (this.bundle?.isRead === false) return Infinity;
    return toNextChangeMs(this, this.readAt);
  }

  protected override get expiry(): Date | null {
    return this.notAfter;
  }

  private get x509(): X509Facts | null {
    return this.bundle?.facts ?? null;
  }
}

type X509Computed = Exclude<
  keyof X509DeviceCertificate,
  keyof DeviceCertificate | "bundle" | "reported"
>;

/** What a product's mapper must say of a certificate: all that is neither computed nor part of the answer. */
export type FactsOf<T extends DeviceCertificate> = Omit<
  T,
  | keyof CertificateAnswer
  | "__typename"
  | "status"
  | "unchangedUntilMs"
  | X509Computed
  | Extract<keyof T, `sealed${string}`>
>;

/** What the retrieval keeps of any certificate. */
export type CertificateFacts = FactsOf<DeviceCertificate> &
  Partial<Pick<X509DeviceCertificate, "bundle" | "reported">>;

/** A certificate for one answer: always a new object, because the gateway protocol writes on it. */
export function createCertificate(
  type: ClassType<DeviceCertificate>,
  facts: CertificateFacts,
  answer: CertificateAnswer,
): DeviceCertificate {
  return Object.assign(new type(), facts, answer);
}

/** When it expires as far as is known without reading the certificate; for freshness, where a hint is enough. */
export function findKnownExpiry({ bundle, reported }: CertificateFacts): Date | null {
  return bundle?.notAfterIfRead ?? reported?.notAfter ?? null;
}

import { Directive, Field, ID, ObjectType } from "type-graphql";
import { DateTime } from "../../../device-certificate/date-time.ts";
import {
  type FactsOf,
  X509DeviceCertificate,
} from "../../../device-certificate/device-certificate.ts";
import { toSharing, X509_SHARING } from "../../../device-certificate/sharing.ts";

@Directive('@key(fields: "id")')
@ObjectType({
  description: "A device certificate registered with Tencent Cloud TDMQ for MQTT.",
  implements: X509DeviceCertificate,
})
export class TencentMqttDeviceCertificate extends X509DeviceCertificate {
  @Field(() => ID, {
    description: "The MQTT instance that it is registered with. Source: InstanceId.",
  })
  readonly instanceId!: string;

  @Field(() => String, {
    description:
      "Its serial number as the cloud spells it, hexadecimal; the cloud may drop leading zeros. Source: DeviceCertificateSn.",
  })
  readonly deviceCertificateSn!: string;

  @Field(() => String, {
    nullable: true,
    description:
      "Serial number of the CA certificate that issued it. Source: CaSn; null when absent.",
  })
  readonly caSn!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The MQTT client that it belongs to. Source: ClientId; null when absent.",
  })
  readonly clientId!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Encoding of the certificate in the cloud: PEM. Source: Format; null when absent.",
  })
  readonly format!: string | null;

  @Field(() => String, {
    nullable: true,
    description:
      "How it was registered: API, or JITP (just-in-time provisioning). Source: CertificateSource; null when absent.",
  })
  readonly certificateSource!: string | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "When it was last switched on; null: never. Source: LastActivationTime.",
  })
  readonly lastActivatedAt!: Date | null;

  @Field(() => DateTime, {
    nullable: true,
    description: "When it was last switched off; null: never. Source: LastInactivationTime.",
  })
  readonly lastDeactivatedAt!: Date | null;
}

export const SHARING = toSharing<FactsOf<TencentMqttDeviceCertificate>>({
  ...X509_SHARING,
  instanceId: true,
  deviceCertificateSn: true,
  caSn: true,
  clientId: true,
  format: true,
  certificateSource: true,
  lastActivatedAt: true,
  lastDeactivatedAt: true,
});

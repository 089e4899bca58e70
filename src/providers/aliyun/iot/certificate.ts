import { Directive, Field, ID, ObjectType } from "type-graphql";
import {
  type FactsOf,
  X509DeviceCertificate,
} from "../../../device-certificate/device-certificate.ts";
import { SealedField, type SealingContext } from "../../../device-certificate/sealed-field.ts";
import { toSharing, X509_SHARING } from "../../../device-certificate/sharing.ts";

@Directive('@key(fields: "id")')
@ObjectType({
  description: "The X.509 certificate of a device of Alibaba Cloud IoT Platform.",
  implements: X509DeviceCertificate,
})
export class AliyunIotDeviceCertificate extends X509DeviceCertificate {
  @Field(() => ID, { description: "The product that the device belongs to. Source: ProductKey." })
  readonly productKey!: string;

  @Field(() => String, { description: "The device's name within its product. Source: DeviceName." })
  readonly deviceName!: string;

  @Field(() => ID, {
    nullable: true,
    description:
      "The IoT Platform instance. Source: iotInstanceId of the configured connection; null for a public instance without id.",
  })
  readonly iotInstanceId!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "Serial number as the cloud spells it. Source: CertSN; null when absent.",
  })
  readonly certSn!: string | null;

  @SealedField("The device's private key", "PrivateKey")
  sealedPrivateKey(recipient: string, { secrets }: SealingContext): Promise<string | null> {
    return secrets.seal(this.id, "privateKey", recipient);
  }
}

export const SHARING = toSharing<FactsOf<AliyunIotDeviceCertificate>>({
  ...X509_SHARING,
  productKey: true,
  deviceName: true,
  iotInstanceId: true,
  certSn: true,
});

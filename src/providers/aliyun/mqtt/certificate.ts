import { Directive, Field, ID, ObjectType } from "type-graphql";
import { DeviceCertificate, type FactsOf } from "../../../device-certificate/device-certificate.ts";
import { SealedField, type SealingContext } from "../../../device-certificate/sealed-field.ts";
import { CERTIFICATE_SHARING, toSharing } from "../../../device-certificate/sharing.ts";

@Directive('@key(fields: "id")')
@ObjectType({
  description:
    "Not X.509: the access credential of a device under the one-credential-per-device authentication of ApsaraMQ for MQTT.",
  implements: DeviceCertificate,
})
export class AliyunMqttDeviceCredential extends DeviceCertificate {
  @Field(() => ID, { description: "The MQTT instance that it is for. Source: InstanceId." })
  readonly instanceId!: string;

  @Field(() => String, { description: "The MQTT client that it is for. Source: ClientId." })
  readonly clientId!: string;

  @Field(() => String, {
    nullable: true,
    description: "The public half of the credential. Source: DeviceAccessKeyId; null when absent.",
  })
  readonly deviceAccessKeyId!: string | null;

  @SealedField("The secret half of the credential", "DeviceAccessKeySecret")
  sealedDeviceAccessKeySecret(
    recipient: string,
    { secrets }: SealingContext,
  ): Promise<string | null> {
    return secrets.seal(this.id, "deviceAccessKeySecret", recipient);
  }
}

export const SHARING = toSharing<FactsOf<AliyunMqttDeviceCredential>>({
  ...CERTIFICATE_SHARING,
  instanceId: true,
  clientId: true,
  // The public half; the secret half is dropped where the cloud's answer is read.
  deviceAccessKeyId: true,
});

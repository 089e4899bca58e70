import { Directive, Field, ID, ObjectType } from "type-graphql";
import { X509DeviceCertificate } from "../../../src/device-certificate/device-certificate.ts";

@Directive('@key(fields: "id")')
@ObjectType({ description: "A certificate of Acme Cloud.", implements: X509DeviceCertificate })
export class AcmeDeviceCertificate extends X509DeviceCertificate {
  @Field(() => ID, { description: "The rocket that carries it. Source: rocket." })
  readonly rocket!: string;

  @Field(() => String, { nullable: true, description: "Its payload. Source: payload." })
  readonly payload!: string | null;

  @Field(() => String, { description: "The tenant that it belongs to." })
  readonly tenant!: string;
}

// The peer of the start benchmark: the least that serves a schema of this shape with the same three libraries.
import "reflect-metadata";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import {
  buildSubgraphSchema,
  type GraphQLResolverMap,
  printSubgraphSchema,
} from "@apollo/subgraph";
import { parse } from "graphql";
import {
  Arg,
  buildSchema,
  createResolversMap,
  Directive,
  Field,
  ID,
  Int,
  InterfaceType,
  ObjectType,
  Query,
  Resolver,
  registerEnumType,
} from "type-graphql";

enum Provider {
  TENCENT_CLOUD = "TENCENT_CLOUD",
  ALIBABA_CLOUD = "ALIBABA_CLOUD",
}
registerEnumType(Provider, { name: "CloudProvider" });

enum Status {
  PENDING = "PENDING",
  ACTIVE = "ACTIVE",
  INACTIVE = "INACTIVE",
  EXPIRED = "EXPIRED",
  REVOKED = "REVOKED",
  FAILED = "FAILED",
  UNKNOWN = "UNKNOWN",
}
registerEnumType(Status, { name: "DeviceCertificateStatus" });

@Directive('@key(fields: "id")')
@InterfaceType({ autoRegisterImplementations: false })
abstract class DeviceCertificate {
  @Field(() => ID) id!: string;
  @Field(() => Provider) provider!: Provider;
  @Field(() => String) connection!: string;
  @Field(() => Status) status!: Status;
  @Field(() => String, { nullable: true }) providerStatus!: string | null;
  @Field(() => Date, { nullable: true }) createdAt!: Date | null;
  @Field(() => Date, { nullable: true }) updatedAt!: Date | null;
  @Field(() => Date) fetchedAt!: Date;
  @Field(() => Boolean) stale!: boolean;
}

@Directive('@key(fields: "id")')
@InterfaceType({ implements: DeviceCertificate, autoRegisterImplementations: false })
abstract class X509DeviceCertificate extends DeviceCertificate {
  @Field(() => String, { nullable: true }) serialNumber!: string | null;
  @Field(() => String, { nullable: true }) commonName!: string | null;
  @Field(() => String, { nullable: true }) organizationalUnit!: string | null;
  @Field(() => String, { nullable: true }) subject!: string | null;
  @Field(() => String, { nullable: true }) issuer!: string | null;
  @Field(() => [String], { nullable: true }) subjectAltNames!: string[] | null;
  @Field(() => Date, { nullable: true }) notBefore!: Date | null;
  @Field(() => Date, { nullable: true }) notAfter!: Date | null;
  @Field(() => Int, { nullable: true }) daysUntilExpiry!: number | null;
  @Field(() => Boolean) statusDisagrees!: boolean;
  @Field(() => String, { nullable: true }) pem!: string | null;
  @Field(() => [String], { nullable: true }) pemChain!: string[] | null;
  @Field(() => String, { nullable: true }) fingerprintSha256!: string | null;
  @Field(() => String, { nullable: true }) publicKeyAlgorithm!: string | null;
  @Field(() => Int, { nullable: true }) publicKeyBits!: number | null;
}

@Directive('@key(fields: "id")')
@ObjectType({ implements: X509DeviceCertificate })
class TencentMqttDeviceCertificate extends X509DeviceCertificate {
  @Field(() => ID) instanceId!: string;
  @Field(() => String) deviceCertificateSn!: string;
  @Field(() => String, { nullable: true }) caSn!: string | null;
  @Field(() => String, { nullable: true }) clientId!: string | null;
  @Field(() => String, { nullable: true }) format!: string | null;
}

@Directive('@key(fields: "id")')
@ObjectType({ implements: X509DeviceCertificate })
class TencentSslCertificate extends X509DeviceCertificate {
  @Field(() => ID) certificateId!: string;
  @Field(() => String, { nullable: true }) ownerUin!: string | null;
  @Field(() => String, { nullable: true }) domain!: string | null;
  @Field(() => String, { nullable: true }) alias!: string | null;
  @Field(() => Int, { nullable: true }) statusCode!: number | null;
}

@Directive('@key(fields: "id")')
@ObjectType({ implements: X509DeviceCertificate })
class AliyunIotDeviceCertificate extends X509DeviceCertificate {
  @Field(() => ID) productKey!: string;
  @Field(() => String) deviceName!: string;
  @Field(() => String, { nullable: true }) certSn!: string | null;
}

@Directive('@key(fields: "id")')
@ObjectType({ implements: DeviceCertificate })
class AliyunMqttDeviceCredential extends DeviceCertificate {
  @Field(() => ID) instanceId!: string;
  @Field(() => String) clientId!: string;
  @Field(() => String, { nullable: true }) deviceAccessKeyId!: string | null;
}

@Resolver()
class Certificates {
  @Query(() => DeviceCertificate, { nullable: true })
  deviceCertificate(@Arg("id", () => ID) _id: string): DeviceCertificate | null {
    return null;
  }

  @Query(() => [DeviceCertificate], { nullable: "itemsAndList" })
  deviceCertificates(@Arg("ids", () => [ID]) ids: string[]): (DeviceCertificate | null)[] {
    return ids.map(() => null);
  }
}

const plain = await buildSchema({
  resolvers: [Certificates],
  orphanedTypes: [
    TencentMqttDeviceCertificate,
    TencentSslCertificate,
    AliyunIotDeviceCertificate,
    AliyunMqttDeviceCredential,
  ],
  validate: false,
  skipCheck: true,
});
const link =
  'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const schema = buildSubgraphSchema([
  {
    typeDefs: parse(`${link}\n${printSubgraphSchema(plain)}`),
    resolvers: createResolversMap(plain) as GraphQLResolverMap<unknown>,
  },
]);
const server = new ApolloServer({ schema });
const { url } = await startStandaloneServer(server, { listen: { host: "127.0.0.1", port: 0 } });
process.stdout.write(`ready at ${url}\n`);

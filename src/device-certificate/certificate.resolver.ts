// The root fields: certificates by id for every product, and one field for each product.
import type { GraphQLResolveInfo } from "graphql";
import {
  Arg,
  Args,
  ArgsType,
  Authorized,
  type ClassType,
  Ctx,
  Field,
  ID,
  Info,
  Query,
  Resolver,
} from "type-graphql";
import type { RequestContext } from "../context.ts";
import { RequestError } from "../errors.ts";
import { SCOPES, type Scope } from "../scopes.ts";
import type { NowOrLater } from "../slices.ts";
import type { Loaded } from "./certificate.loader.ts";
import { DeviceCertificate } from "./device-certificate.ts";
import type { CertificateProduct, KeySegment } from "./product.ts";
import { collectSelectedFields } from "./selected-fields.ts";

@Resolver()
export class CertificateResolver {
  @Authorized<Scope>(SCOPES.read)
  @Query(() => DeviceCertificate, {
    nullable: true,
    description: "The certificate of this id; null when the cloud has no such certificate.",
  })
  deviceCertificate(
    @Arg("id", () => ID, { description: "The certificate's id." }) id: string,
    @Ctx() { certificates }: RequestContext,
    @Info() info: GraphQLResolveInfo,
  ): Promise<DeviceCertificate | null> {
    return certificates.loadById(id, collectSelectedFields(info));
  }

  @Authorized<Scope>(SCOPES.read)
  @Query(() => [DeviceCertificate], {
    nullable: "itemsAndList",
    description:
      "The certificates of these ids, in their order; null where the cloud has no such certificate, an error of its own where it could not be read.",
  })
  deviceCertificates(
    @Arg("ids", () => [ID], {
      description: "The certificates' ids; at most as many as answer.maxEntities allows.",
    })
    ids: string[],
    @Ctx() { certificates, maxEntities }: RequestContext,
    @Info() info: GraphQLResolveInfo,
  ): NowOrLater<Loaded[]> {
    checkEntityCount("ids", ids.length, maxEntities);
    return certificates.loadMany(ids, collectSelectedFields(info));
  }
}

/** Refuses a list that is longer than one answer may serve. */
export function checkEntityCount(what: string, count: number, limit: number): void {
  if (count <= limit) return;
  const message = `Too many ${what}: expected at most ${limit}, got ${count}.`;
  throw new RequestError("TOO_MANY_ENTITIES", message, { limit });
}

/** Makes the class that holds a product's own root field, whose arguments are the segments of its ids. */
export function createProductResolver({
  prefix,
  rootField,
  key,
  certificateType,
}: CertificateProduct): ClassType<object> {
  const KeyArgs = createKeyArgs(key);

  @Resolver()
  class ProductResolver {
    @Authorized<Scope>(SCOPES.read)
    @Query(() => certificateType, {
      name: rootField.name,
      nullable: true,
      description: rootField.description,
    })
    certificate(
      @Args(() => KeyArgs) values: Readonly<Record<string, string>>,
      @Ctx() { certificates }: RequestContext,
      @Info() info: GraphQLResolveInfo,
    ): Promise<DeviceCertificate | null> {
      const segments = key.map(({ argument }) => values[argument] ?? "");
      const connection = values["connection"] ?? "default";
      return certificates.loadByKey(prefix, connection, segments, collectSelectedFields(info));
    }
  }
  return ProductResolver;
}

function createKeyArgs(key: readonly KeySegment[]): ClassType<Record<string, string>> {
  @ArgsType()
  class KeyArgs {
    [argument: string]: string;
  }
  for (const { argument, isId, description } of key) {
    Field(() => (isId ? ID : String), { description })(KeyArgs.prototype, argument);
  }
  Field(() => String, {
    nullable: true,
    defaultValue: "default",
    description: "The configured connection to the cloud.",
  })(KeyArgs.prototype, "connection");
  return KeyArgs;
}

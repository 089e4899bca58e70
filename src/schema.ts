// From the classes to the federated schema: the only file that knows @apollo/subgraph.
import {
  buildSubgraphSchema,
  type GraphQLResolverMap,
  printSubgraphSchema,
} from "@apollo/subgraph";
import {
  type DocumentNode,
  type GraphQLSchema,
  isInterfaceType,
  isObjectType,
  parse,
  print,
  specifiedScalarTypes,
  visit,
} from "graphql";
import {
  type AuthCheckerFn,
  buildSchema,
  createResolversMap,
  getMetadataStorage,
} from "type-graphql";
import { type RequestContext, requireScopes } from "./context.ts";
import { createDeviceType, type DeviceNames, isDeviceClass } from "./device/device.ts";
import {
  CertificateResolver,
  createProductResolver,
} from "./device-certificate/certificate.resolver.ts";
import { registerCloud } from "./device-certificate/cloud-provider.ts";
import { createEntitiesResolver } from "./device-certificate/entities.ts";
import type { CertificateProduct } from "./device-certificate/product.ts";
import type { Scope } from "./scopes.ts";
import { ProviderQuotaResolver } from "./server/provider-quota.ts";

export interface SchemaOptions {
  readonly products: readonly CertificateProduct[];
  /** Whether `@requiresScopes` stands in the schema; it is enforced in any case. */
  readonly authorizationDirectives?: boolean;
  /** How the company names its devices, and who knows their certificates. */
  readonly join?: DeviceNames;
}

export interface SubgraphSchema {
  readonly schema: GraphQLSchema;
  /** The same once more: Apollo Server wraps every field of the other for good when a request asks for traces. */
  readonly untraced: GraphQLSchema;
  /** What composers and gateways take. */
  readonly sdl: string;
}

/** The newest version that the composers of all common gateways take. */
const FEDERATION = "https://specs.apollo.dev/federation/v2.9";
const REQUIRES_SCOPES = "requiresScopes";
/** In the order in which the link imports them; only those that are used. */
const FEDERATION_DIRECTIVES = ["key", "external", "requires", REQUIRES_SCOPES];

/** Types that no class of ours makes. */
const LIBRARY_TYPES = [
  ...specifiedScalarTypes.map(({ name }) => name),
  "DateTime",
  "Query",
  "Mutation",
  "Subscription",
  "_Any",
  "_Entity",
  "_Service",
];

/** The types that every schema has, whatever the company calls its devices. Without building one: that takes time at the start. */
export function listTypeNames(): ReadonlySet<string> {
  const { objectTypes, interfaceTypes, enums } = getMetadataStorage();
  const ours = [...objectTypes, ...interfaceTypes].filter(({ target }) => !isDeviceClass(target));
  return new Set([...LIBRARY_TYPES, ...[...ours, ...enums].map(({ name }) => name)]);
}

export async function createSchema({
  products,
  authorizationDirectives = true,
  join,
}: SchemaOptions): Promise<SubgraphSchema> {
  for (const { cloud } of products) registerCloud(cloud);
  const device = createDeviceType(join);
  const plain = await buildSchema({
    resolvers: [CertificateResolver, ProviderQuotaResolver, ...products.map(createProductResolver)],
    orphanedTypes: [...products.map(({ certificateType }) => certificateType), device.type],
    authChecker: checkScopes,
    validate: false,
    // The federation directives are not defined before the subgraph is built.
    skipCheck: true,
  });
  dropPlainResolvers(plain);
  const document = toSubgraphDocument(parse(printSubgraphSchema(plain)), authorizationDirectives);
  const used = findDirectives(document);
  const imports = FEDERATION_DIRECTIVES.filter((name) => used.has(name));
  const names = imports.map((name) => `"@${name}"`).join(", ");
  const link = `extend schema\n  @link(url: "${FEDERATION}", import: [${names}])`;
  const sdl = `${link}\n\n${print(document)}\n`;
  // Two libraries' types of one and the same shape.
  const resolvers = createResolversMap(plain) as GraphQLResolverMap<RequestContext>;
  const entitiesResolver = createEntitiesResolver(products, [device]);
  const build = () => {
    const schema = buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }]);
    // The library's own resolver gives up the whole list when one representation is malformed.
    const entities = schema.getQueryType()?.getFields()["_entities"];
    if (entities) entities.resolve = entitiesResolver;
    // The library would add its own definitions, which a composer adds anyway.
    const service = schema.getQueryType()?.getFields()["_service"];
    if (service) service.resolve = () => ({ sdl });
    for (const type of Object.values(schema.getTypeMap())) {
      // Those of type-graphql give a promise each.
      if (isInterfaceType(type)) type.resolveType = ({ __typename }) => __typename;
    }
    return schema;
  };
  return { schema: build(), untraced: build(), sdl };
}

/**
 * Drops the resolvers of fields that are properties or getters: type-graphql's make a promise of each value. What demands
 * a scope, takes arguments, or has another name in the schema keeps its own.
 */
function dropPlainResolvers(schema: GraphQLSchema): void {
  const { objectTypes, fields, authorizedFields, middlewares } = getMetadataStorage();
  const guarded = [...authorizedFields, ...middlewares];
  // The device type is made anew for each schema; the last one of its name is meant.
  const classes = new Map(objectTypes.map(({ name, target }) => [name, target]));
  for (const type of Object.values(schema.getTypeMap())) {
    const ofType = classes.get(type.name);
    if (ofType === undefined || !isObjectType(type)) continue;
    const isInherited = ({ target }: { readonly target: object }) =>
      target === ofType || Object.prototype.isPrototypeOf.call(target, ofType);
    for (const field of Object.values(type.getFields())) {
      const isProperty = fields.some(
        ({ name, schemaName, target }) =>
          schemaName === field.name && name === schemaName && isInherited({ target }),
      );
      const isGuarded = guarded.some(
        ({ fieldName, target }) => fieldName === field.name && isInherited({ target }),
      );
      if (isProperty && !isGuarded && field.args.length === 0) delete field.resolve;
    }
  }
}

const checkScopes: AuthCheckerFn<RequestContext, Scope> = ({ context }, requiredScopes) => {
  requireScopes(context.caller, requiredScopes);
  return true;
};

/** Without what the link says already, and without the scopes for gateways that refuse them. */
function toSubgraphDocument(document: DocumentNode, hasScopes: boolean): DocumentNode {
  return visit(document, {
    SchemaDefinition: () => null,
    Directive: ({ name }) => (!hasScopes && name.value === REQUIRES_SCOPES ? null : undefined),
  });
}

function findDirectives(document: DocumentNode): ReadonlySet<string> {
  const names = new Set<string>();
  visit(document, { Directive: ({ name }) => void names.add(name.value) });
  return names;
}

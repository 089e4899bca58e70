// From the classes to the federated schema: the only file that knows @apollo/subgraph.
import {
  buildSubgraphSchema,
  type GraphQLResolverMap,
  printSubgraphSchema,
} from "@apollo/subgraph";
import { type DocumentNode, type GraphQLSchema, parse, print, visit } from "graphql";
import { type AuthCheckerFn, buildSchema, createResolversMap } from "type-graphql";
import { type RequestContext, requireScopes } from "./context.ts";
import { createDeviceType, type DeviceNames } from "./device/device.ts";
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
  /** What composers and gateways take. */
  readonly sdl: string;
}

/** The newest version that the composers of all common gateways take. */
const FEDERATION = "https://specs.apollo.dev/federation/v2.9";
const REQUIRES_SCOPES = "requiresScopes";
/** In the order in which the link imports them; only those that are used. */
const FEDERATION_DIRECTIVES = ["key", "external", "requires", REQUIRES_SCOPES];

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
  const document = toSubgraphDocument(parse(printSubgraphSchema(plain)), authorizationDirectives);
  const used = findDirectives(document);
  const imports = FEDERATION_DIRECTIVES.filter((name) => used.has(name));
  const names = imports.map((name) => `"@${name}"`).join(", ");
  const link = `extend schema\n  @link(url: "${FEDERATION}", import: [${names}])`;
  const sdl = `${link}\n\n${print(document)}\n`;
  // Two libraries' types of one and the same shape.
  const resolvers = createResolversMap(plain) as GraphQLResolverMap<RequestContext>;
  const schema = buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }]);
  // The library's own resolver gives up the whole list when one representation is malformed.
  const entities = schema.getQueryType()?.getFields()["_entities"];
  if (entities) entities.resolve = createEntitiesResolver(products, [device]);
  // The library would add its own definitions, which a composer adds anyway.
  const service = schema.getQueryType()?.getFields()["_service"];
  if (service) service.resolve = () => ({ sdl });
  return { schema, sdl };
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

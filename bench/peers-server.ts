// The peers of the benchmark of the GraphQL path: the same classes on other servers, with the certificates in memory.
import "reflect-metadata";
import { createServer } from "node:http";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import {
  buildSubgraphSchema,
  type GraphQLResolverMap,
  printSubgraphSchema,
} from "@apollo/subgraph";
import DataLoader from "dataloader";
import Fastify from "fastify";
import { type DocumentNode, type ExecutionArgs, type GraphQLSchema, parse } from "graphql";
import { compileQuery, isCompiledQuery } from "graphql-jit";
import { createYoga, type Plugin as YogaPlugin } from "graphql-yoga";
import mercurius from "mercurius";
import {
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
} from "type-graphql";

/** What a certificate is answered with, by the names of the GraphQL fields. */
export type CertificateRecord = Readonly<Record<string, unknown>> & { readonly id: string };

type Context = { readonly loader: DataLoader<string, CertificateRecord | null> };

@Directive('@key(fields: "id")')
@InterfaceType({ autoRegisterImplementations: false })
abstract class DeviceCertificate {
  @Field(() => ID) id!: string;
  @Field(() => String) provider!: string;
  @Field(() => String) connection!: string;
  @Field(() => String) status!: string;
  @Field(() => String, { nullable: true }) providerStatus!: string | null;
  @Field(() => Date, { nullable: true }) createdAt!: Date | null;
  @Field(() => Date) fetchedAt!: Date;
  @Field(() => Boolean) stale!: boolean;
}

@Directive('@key(fields: "id")')
@InterfaceType({ implements: DeviceCertificate, autoRegisterImplementations: false })
abstract class X509DeviceCertificate extends DeviceCertificate {
  @Field(() => String, { nullable: true }) serialNumber!: string | null;
  @Field(() => String, { nullable: true }) commonName!: string | null;
  @Field(() => String, { nullable: true }) subject!: string | null;
  @Field(() => String, { nullable: true }) issuer!: string | null;
  @Field(() => Date, { nullable: true }) notBefore!: Date | null;
  @Field(() => Date, { nullable: true }) notAfter!: Date | null;
  @Field(() => Int, { nullable: true }) daysUntilExpiry!: number | null;
  @Field(() => String, { nullable: true }) pem!: string | null;
  @Field(() => String, { nullable: true }) fingerprintSha256!: string | null;
  @Field(() => String, { nullable: true }) publicKeyAlgorithm!: string | null;
  @Field(() => Int, { nullable: true }) publicKeyBits!: number | null;
}

@Directive('@key(fields: "id")')
@ObjectType({ implements: X509DeviceCertificate })
class TencentMqttDeviceCertificate extends X509DeviceCertificate {
  @Field(() => ID) instanceId!: string;
}

@Resolver()
class Certificates {
  @Query(() => String)
  version(): string {
    return "1";
  }
}

/** Everything default, as most would write it: S. */
export async function startStandalone(records: readonly CertificateRecord[]): Promise<string> {
  const server = new ApolloServer<Context>({ schema: await createPeerSchema(false) });
  const find = createFind(records);
  const { url } = await startStandaloneServer(server, {
    listen: { host: "127.0.0.1", port: 0 },
    context: async () => createContext(find),
  });
  return url;
}

export async function startMercurius(records: readonly CertificateRecord[]): Promise<string> {
  const find = createFind(records);
  const app = Fastify();
  await app.register(mercurius, {
    schema: await createPeerSchema(true),
    jit: 1,
    path: "/graphql",
    context: () => createContext(find),
  });
  return `${await app.listen({ host: "127.0.0.1", port: 0 })}/graphql`;
}

export async function startYoga(records: readonly CertificateRecord[]): Promise<string> {
  const find = createFind(records);
  const schema = await createPeerSchema(true);
  const compile = (document: DocumentNode) => compileQuery(schema, document);
  const compiled = new WeakMap<DocumentNode, ReturnType<typeof compile>>();
  const execute = ({ document, rootValue, contextValue, variableValues }: ExecutionArgs) => {
    const query = compiled.get(document) ?? compile(document);
    compiled.set(document, query);
    return isCompiledQuery(query) ? query.query(rootValue, contextValue, variableValues) : query;
  };
  const jit: YogaPlugin = { onExecute: ({ setExecuteFn }) => setExecuteFn(execute) };
  const yoga = createYoga({
    schema,
    logging: false,
    maskedErrors: false,
    context: () => createContext(find),
    plugins: [jit],
  });
  const server = createServer(yoga);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : address}/graphql`;
}

/** `isTuned`: fields without resolvers of their own, which an executor that compiles needs. */
async function createPeerSchema(isTuned: boolean): Promise<GraphQLSchema> {
  const plain = await buildSchema({
    resolvers: [Certificates],
    orphanedTypes: [TencentMqttDeviceCertificate],
    validate: false,
    skipCheck: true,
  });
  const link =
    'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
  const map = createResolversMap(plain);
  const fields = map[TencentMqttDeviceCertificate.name];
  const resolveReference = ({ id }: { id: string }, { loader }: Context) => loader.load(id);
  const resolvers = {
    ...map,
    [TencentMqttDeviceCertificate.name]: {
      ...(isTuned ? {} : fields),
      __resolveReference: resolveReference,
    },
  } as GraphQLResolverMap<unknown>;
  return buildSubgraphSchema([
    { typeDefs: parse(`${link}\n${printSubgraphSchema(plain)}`), resolvers },
  ]);
}

type Find = (id: string) => CertificateRecord | null;

function createContext(find: Find): Context {
  return { loader: new DataLoader(async (ids: readonly string[]) => ids.map(find)) };
}

const DATES = ["createdAt", "fetchedAt", "notBefore", "notAfter"];

/** A fresh object each time, because the gateway protocol writes on it. */
function createFind(records: readonly CertificateRecord[]): Find {
  const known = new Map(records.map((record) => [record.id, withDates(record)]));
  return (id) => {
    const record = known.get(id);
    if (record === undefined) return null;
    return Object.assign(Object.create(TencentMqttDeviceCertificate.prototype), record);
  };
}

function withDates(record: CertificateRecord): CertificateRecord {
  const dates = DATES.flatMap((name) => {
    const text = record[name];
    return typeof text === "string" ? [[name, new Date(text)]] : [];
  });
  return { ...record, ...Object.fromEntries(dates) };
}

// The schema in outline: whatever is a certificate or an entity, a part of an answer, is a leaf there.
import {
  defaultFieldResolver,
  type GraphQLFieldResolver,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSchema,
  getNamedType,
  isAbstractType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";

export interface Outline {
  /** For operations. */
  readonly query: GraphQLSchema;
  /** By the name of its type, for a part as the root of an operation of its own. */
  readonly parts: ReadonlyMap<string, GraphQLSchema>;
}

/** Makes leaves of what the resolver of a field found: one part or several, in whose places may be `null` and errors. */
export type ToLeaves = (found: unknown, context: unknown, info: GraphQLResolveInfo) => unknown;

/** Entities are the members of this union; that certificates are among them is what their `@key` is for. */
const ENTITIES = "_Entity";

export function createOutline(schema: GraphQLSchema, toLeaves: ToLeaves): Outline {
  const union = schema.getType(ENTITIES);
  const query = schema.getQueryType();
  if (!isAbstractType(union) || !query) throw new Error(`a schema without ${ENTITIES}`);
  const entities = schema.getPossibleTypes(union);
  const isPart = (type: GraphQLOutputType): boolean => {
    if (isObjectType(type)) return entities.includes(type);
    return isAbstractType(type) && schema.getPossibleTypes(type).every(isPart);
  };
  const toSchema = (root: GraphQLObjectType) =>
    new GraphQLSchema({ query: toOutline(root, isPart, toLeaves), assumeValid: true });
  return {
    query: toSchema(query),
    parts: new Map(entities.map((type) => [type.name, toSchema(type)])),
  };
}

const Part = new GraphQLScalarType({ name: "Part", serialize: (leaf) => leaf });

function toOutline(
  type: GraphQLObjectType,
  isPart: (type: GraphQLOutputType) => boolean,
  toLeaves: ToLeaves,
): GraphQLObjectType {
  const config = type.toConfig();
  const fields = Object.entries(config.fields).map(([name, field]) => {
    if (!isPart(getNamedType(field.type))) return [name, field] as const;
    const original = field.resolve ?? defaultFieldResolver;
    const resolve: GraphQLFieldResolver<unknown, unknown> = (source, args, context, info) => {
      const found: unknown = original(source, args, context, info);
      return found instanceof Promise
        ? found.then((value) => toLeaves(value, context, info))
        : toLeaves(found, context, info);
    };
    return [name, { ...field, type: withPart(field.type, name), resolve }] as const;
  });
  return new GraphQLObjectType({ ...config, fields: Object.fromEntries(fields) });
}

/** What goes wrong within a part must end there, because it is executed by itself: in its place there may be `null`. */
function withPart(type: GraphQLOutputType, name: string): GraphQLOutputType {
  if (isListType(type)) return new GraphQLList(withPart(type.ofType, name));
  if (!isNonNullType(type)) return Part;
  if (!isListType(type.ofType)) throw new Error(`the field ${name} must be nullable`);
  return new GraphQLNonNull(withPart(type.ofType, name));
}

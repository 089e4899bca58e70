// Makes text of certificates and entities: at once of what was answered before, else by executing what is asked of each.
import {
  type ExecutionResult,
  execute,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isIntrospectionType,
  isObjectType,
} from "graphql";
import { DeviceCertificate } from "../device-certificate/device-certificate.ts";
import { slices } from "../slices.ts";
import { AnswerText, FailedPart, findErrors, toJson } from "./answer-text.ts";
import { KeptTexts } from "./kept-texts.ts";
import { type PartOperation, PartOperations } from "./part-operation.ts";

interface PartType {
  /** Its root is the part. */
  readonly schema: GraphQLSchema;
  /** The names of the fields below it that look at who asks, or do something for each request. */
  readonly guardedFields: ReadonlySet<string>;
}

/** What a field wants to know of each part that it found. */
interface Wish {
  readonly operation: PartOperation;
  readonly context: unknown;
  readonly variableValues: GraphQLResolveInfo["variableValues"];
  /** Under which name what is told of a part may be kept. */
  readonly question: string;
}

/** Lives as long as the process. */
export class Parts {
  readonly #operations = new PartOperations();
  readonly #texts = new KeptTexts();
  readonly #types: ReadonlyMap<unknown, PartType>;

  /** Takes, by the names of their types, schemas whose root is the part. */
  constructor(schemas: ReadonlyMap<string, GraphQLSchema>) {
    this.#types = new Map(Array.from(schemas, ([name, schema]) => [name, toPartType(schema)]));
  }

  /** Of what the resolver of a field gave: one or several, in whose places may be `null` and errors. */
  toTexts(found: unknown, context: unknown, info: GraphQLResolveInfo): unknown {
    const { variableValues } = info;
    const operation = this.#operations.find(info);
    const question = toQuestion(operation, variableValues);
    const wish = { operation, context, variableValues, question };
    const toText = (part: unknown) =>
      part instanceof Error ? new FailedPart(part, info.fieldNodes) : this.#toText(part, wish);
    return Array.isArray(found) ? slices.map(found, toText) : toText(found);
  }

  #toText(part: unknown, wish: Wish): unknown {
    if (typeof part !== "object" || part === null) return part;
    const type = "__typename" in part ? this.#types.get(part.__typename) : undefined;
    if (type === undefined) return new Error("a part of a type that is no entity");
    if (!(part instanceof DeviceCertificate)) return executePart(part, type, wish);
    const kept = this.#texts.find(wish.question, part);
    if (kept !== undefined) return kept;
    const text = executePart(part, type, wish);
    if (text instanceof AnswerText && isForEverybody(text, type, wish)) {
      this.#texts.keep(wish.question, part, text);
    }
    return text;
  }
}

function toPartType(schema: GraphQLSchema): PartType {
  const fields = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !isIntrospectionType(type) ? Object.values(type.getFields()) : [],
  );
  // All others are properties: see schema.ts.
  const guarded = fields.filter(({ resolve, args }) => resolve !== undefined || args.length > 0);
  return { schema, guardedFields: new Set(guarded.map(({ name }) => name)) };
}

/** Another one for each operation and each combination of its conditions. */
function toQuestion(
  { number, conditions }: PartOperation,
  values: GraphQLResolveInfo["variableValues"],
): string {
  return `${number} ${Array.from(conditions, (name) => values[name] === true).join()} `;
}

function executePart(
  rootValue: object,
  { schema }: PartType,
  { operation: { document }, context, variableValues }: Wish,
): AnswerText | Promise<AnswerText> {
  const result = execute({ schema, document, rootValue, contextValue: context, variableValues });
  return result instanceof Promise ? result.then(toAnswerText) : toAnswerText(result);
}

function toAnswerText({ data, errors = [] }: ExecutionResult): AnswerText {
  return new AnswerText(toJson(data), [...errors, ...findErrors(data)]);
}

/** Without anything that another caller, or the same in another request, may be answered otherwise. */
function isForEverybody(
  { errors }: AnswerText,
  { guardedFields }: PartType,
  { operation }: Wish,
): boolean {
  return errors.length === 0 && operation.fields.isDisjointFrom(guardedFields);
}

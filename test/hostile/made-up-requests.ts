// Requests made up from the schema and a seed: questions that make sense, such with a mistake, and nonsense.
import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
} from "graphql";

export interface MadeUpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

const JSON_TYPE = "application/json";
const MAX_LEVELS = 4;

/** Equal seeds make equal requests. */
export class RequestMaker {
  readonly #schema: GraphQLSchema;
  readonly #ids: readonly string[];
  #state: number;
  #variables: { name: string; type: string; value: unknown }[] = [];
  #fragments: string[] = [];

  constructor(schema: GraphQLSchema, ids: readonly string[], seed: number) {
    this.#schema = schema;
    this.#ids = ids;
    this.#state = seed >>> 0;
  }

  next(): MadeUpRequest {
    switch (this.#below(20)) {
      case 0:
        return this.#toPost(this.#oddBody());
      case 1:
        return this.#toPost(
          Buffer.from(Array.from({ length: this.#below(200) }, () => this.#below(256))),
        );
      case 2:
        return this.#toGet();
      case 3:
        return this.#oddRequest();
      case 4:
      case 5:
      case 6:
      case 7:
      case 8: {
        const { query, ...rest } = this.#question();
        return this.#toPost({ ...rest, query: this.#damage(query) });
      }
      default:
        return this.#toPost(this.#question());
    }
  }

  /** Mulberry32, from 0 to below `limit`. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #pick<Item>(items: readonly Item[]): Item {
    const item = items[this.#below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  #question(): { query: string; variables?: unknown; operationName?: unknown } {
    this.#variables = [];
    this.#fragments = [];
    const root = this.#schema.getQueryType();
    if (!root) throw new Error("a schema without queries");
    const selections = this.#selectionSet(root, 0);
    const variables = this.#variables.map(({ name, type }) => `$${name}: ${type}`);
    const head = this.#chance(80) ? "" : `query Q${variables.length ? `(${variables})` : ""} `;
    const declared = head === "" && variables.length > 0 ? `query (${variables}) ` : head;
    const query = [`${declared}${selections}`, ...this.#fragments].join("\n");
    const values = Object.fromEntries(this.#variables.map(({ name, value }) => [name, value]));
    if (this.#chance(10))
      return { query, variables: values, operationName: this.#pick(["Q", "", null, "x"]) };
    return this.#variables.length > 0 || this.#chance(20)
      ? { query, variables: values }
      : { query };
  }

  #selectionSet(type: GraphQLNamedType, level: number): string {
    const fields =
      "getFields" in type && isCompositeType(type) ? Object.values(type.getFields()) : [];
    const parts: string[] = [];
    for (let count = 1 + this.#below(5); count > 0; count -= 1) {
      if (fields.length > 0 && this.#chance(75)) parts.push(this.#field(this.#pick(fields), level));
      else if (isAbstractType(type) && this.#chance(70)) parts.push(this.#onType(type, level));
      else if (isCompositeType(type) && this.#chance(20)) parts.push(this.#fragment(type, level));
      else parts.push(this.#pick(["__typename", "x: __typename", "__typename @skip(if: false)"]));
    }
    return `{ ${parts.join(" ")} }`;
  }

  #field(field: GraphQLField<unknown, unknown>, level: number): string {
    const type = getNamedType(field.type);
    const alias = this.#chance(15) ? `a${this.#below(9)}: ` : "";
    const given = field.args.filter((argument) => isNonNullType(argument.type) || this.#chance(50));
    const args = given.map((argument) => `${argument.name}: ${this.#argument(argument)}`);
    const directive = this.#chance(8)
      ? ` ${this.#pick(["@include(if: true)", "@skip(if: true)", "@nothing", "@include"])}`
      : "";
    const inner = isCompositeType(type)
      ? level < MAX_LEVELS
        ? ` ${this.#selectionSet(type, level + 1)}`
        : " { __typename }"
      : "";
    return `${alias}${field.name}${args.length > 0 ? `(${args.join(", ")})` : ""}${directive}${inner}`;
  }

  #onType(type: GraphQLNamedType, level: number): string {
    const types = isAbstractType(type) ? this.#schema.getPossibleTypes(type) : [];
    const chosen = types.length > 0 ? this.#pick(types) : type;
    const inner = level < MAX_LEVELS ? this.#selectionSet(chosen, level + 1) : "{ __typename }";
    return `... on ${chosen.name} ${inner}`;
  }

  #fragment(type: GraphQLNamedType, level: number): string {
    if (level >= MAX_LEVELS) return "__typename";
    const name = `F${this.#fragments.length}`;
    const index = this.#fragments.push("") - 1;
    const on = this.#chance(95) ? type.name : this.#pick(Object.keys(this.#schema.getTypeMap()));
    this.#fragments[index] = `fragment ${name} on ${on} ${this.#selectionSet(type, level + 1)}`;
    return this.#chance(90) ? `...${name}` : `...${name} ...${name} ...F${this.#below(4)}`;
  }

  #argument({ type }: GraphQLArgument): string {
    const value = this.#value(type);
    if (!this.#chance(50)) return toLiteral(value);
    const name = `v${this.#variables.length}`;
    const declared = this.#chance(95)
      ? String(type)
      : this.#pick(["ID", "[ID!]!", "Int", "Nothing"]);
    this.#variables.push({
      name,
      type: declared,
      value: this.#chance(95) ? value : this.#oddValue(),
    });
    return `$${name}`;
  }

  #value(type: GraphQLInputType): unknown {
    if (isNonNullType(type)) return this.#value(type.ofType);
    if (isListType(type)) {
      return Array.from({ length: this.#below(this.#chance(95) ? 6 : 60) }, () =>
        this.#value(type.ofType),
      );
    }
    const named = getNamedType(type);
    if (isEnumType(named)) return this.#pick(named.getValues()).name;
    if (this.#chance(4)) return this.#oddValue();
    switch (named.name) {
      case "_Any":
        return {
          __typename: this.#typeName(),
          id: this.#id(),
          ...(this.#chance(20) && { certificateIds: this.#oddValue() }),
        };
      case "Boolean":
        return this.#chance(50);
      case "Int":
      case "Float":
        return this.#below(1000) - 500;
      default:
        return this.#id();
    }
  }

  #typeName(): unknown {
    if (this.#chance(10)) return this.#oddValue();
    const types = Object.values(this.#schema.getTypeMap()).filter(isObjectType);
    return this.#chance(50) ? "DeviceCertificate" : this.#pick(types).name;
  }

  #id(): string {
    const id = this.#pick(this.#ids);
    if (this.#chance(75)) return id;
    return this.#chance(60) ? this.#damage(id) : this.#pick(id.split(":"));
  }

  #damage(text: string): string {
    const characters = [...text];
    for (let count = 1 + this.#below(3); count > 0; count -= 1) {
      const at = this.#below(characters.length + 1);
      switch (this.#below(4)) {
        case 0:
          characters.splice(at, 1 + this.#below(5));
          break;
        case 1:
          characters.splice(at, 0, ...characters.slice(at, at + this.#below(40)));
          break;
        case 2:
          characters.splice(at, 0, this.#pick([..."{}()[]:$@!|\"'\\#&%\0\n\ud800😀é,."]));
          break;
        default:
          characters.splice(at, 1, String.fromCharCode(this.#below(0x10000)));
      }
    }
    return characters.join("");
  }

  #oddValue(): unknown {
    return this.#pick<unknown>([
      null,
      true,
      -1,
      0.5,
      1e300,
      2 ** 53,
      "",
      "\0",
      "😀".repeat(50),
      "x".repeat(3000),
      [],
      [[[[]]]],
      [null],
      {},
      { a: { b: { c: [1, "x", null] } } },
      { __typename: 7 },
      { toString: 1, length: -1 },
    ]);
  }

  #oddBody(): unknown {
    const question: Record<string, unknown> = { ...this.#question() };
    question[
      this.#pick(["query", "variables", "operationName", "extensions", "x", "constructor"])
    ] = this.#oddValue();
    return this.#pick<unknown>([question, question, question, [question], this.#oddValue()]);
  }

  #toPost(body: unknown): MadeUpRequest {
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const accept = this.#pick([
      "*/*",
      "application/json",
      "application/graphql-response+json",
      "text/html",
    ]);
    const type = this.#chance(97)
      ? JSON_TYPE
      : this.#pick(["text/plain", "", "application/json; charset=latin1", "multipart/form-data"]);
    return {
      method: "POST",
      path: "/graphql",
      headers: { "content-type": type, accept },
      body: bytes,
    };
  }

  #toGet(): MadeUpRequest {
    const { query, variables } = this.#question();
    const search = new URLSearchParams({ query: this.#chance(80) ? query : this.#damage(query) });
    if (variables !== undefined) search.set("variables", JSON.stringify(variables));
    if (this.#chance(10)) search.append("query", "{ __typename }");
    const headers: Record<string, string> = this.#chance(90)
      ? { "apollo-require-preflight": "1" }
      : {};
    return { method: "GET", path: `/graphql?${search}`, headers, body: undefined };
  }

  #oddRequest(): MadeUpRequest {
    return {
      method: this.#pick(["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "PROPFIND"]),
      path: this.#pick([
        "/graphql",
        "/",
        "/graphql/",
        "/graphql?query",
        "/graphql?query=%00",
        "/%",
        "/graphql?variables={",
        "//graphql",
        "/graphql?query[]=x",
      ]),
      headers: {
        "x-request-id": "x".repeat(this.#below(300)),
        accept: this.#pick(["*/*", ";;", "a/b"]),
      },
      body: undefined,
    };
  }
}

/** Writes a value as GraphQL does: keys have no quotes. */
function toLiteral(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toLiteral).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, inner]) => `${key}: ${toLiteral(inner)}`)
      .join(", ")}}`;
  }
  return typeof value === "string" && /^[A-Z_]+$/.test(value) ? value : JSON.stringify(value);
}

// How much a GraphQL document may ask. All of it is measured in linear time and before validation, whose rules take
// quadratic time, or more stack than there is, on documents made for that.
import {
  type ASTNode,
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  Lexer,
  parse,
  type SelectionSetNode,
  Source,
  TokenKind,
} from "graphql";
import { LRUCache } from "lru-cache";
import { Refusal, type RefusalReason } from "./refusal.ts";

export interface DocumentLimits {
  readonly queryCharacters: number;
  readonly tokens: number;
  readonly depth: number;
  readonly definitions: number;
  readonly aliases: number;
  readonly directives: number;
  readonly repeatedFields: number;
  readonly selections: number;
}

export interface DocumentRules {
  readonly limits: DocumentLimits;
  /** Whether `__schema`, `__type` and `_service` may be asked for. */
  readonly allowsIntrospection: boolean;
}

/** Names come back in answers and paths, once for each certificate. */
const MAX_NAME_CHARACTERS = 255;
/** Finding the line of a mistake takes longer the more lines there are. */
const MAX_LINES = 10_000;
/** A field can have `@include` and `@skip`; more are made-up ones, each of which costs an error. */
const MAX_DIRECTIVES_OF_ONE_NODE = 5;

const INTROSPECTION_FIELDS: ReadonlySet<string> = new Set(["__schema", "__type", "_service"]);

/** How many characters of documents are remembered that were within the limits. */
const MAX_REMEMBERED_CHARACTERS = 4_000_000;

/**
 * Makes the function that throws where a document exceeds the limits. To be called before Apollo Server gets it: what
 * is thrown inside of its hooks is answered with the HTTP status 500.
 */
export function createDocumentCheck(rules: DocumentRules): (text: string) => void {
  const known = new LRUCache<string, true>({
    maxSize: MAX_REMEMBERED_CHARACTERS,
    sizeCalculation: (_value, text) => text.length + 1,
  });
  return (text) => {
    if (known.get(text)) return;
    checkText(text, rules.limits);
    const document = tryToParse(text);
    if (document === undefined) return;
    checkDocument(document, rules);
    known.set(text, true);
  };
}

/** `undefined` for what is no document: Apollo Server tells where the mistake is. */
function tryToParse(text: string): DocumentNode | undefined {
  try {
    return parse(text, { noLocation: true });
  } catch {
    return undefined;
  }
}

/** Throws what is too long or too deep to be parsed. */
function checkText(text: string, { queryCharacters, tokens, depth }: DocumentLimits): void {
  if (text.length > queryCharacters) throw tooMany("tokens", queryCharacters, "characters");
  const lexer = new Lexer(new Source(text));
  let level = 0;
  for (let count = 0; ; count += 1) {
    const token = advance(lexer);
    if (token === undefined || token.kind === TokenKind.EOF) return;
    if (count === tokens) throw tooMany("tokens", tokens, "tokens");
    if (token.line > MAX_LINES) throw tooMany("tokens", MAX_LINES, "lines");
    if (token.kind === TokenKind.NAME && token.value.length > MAX_NAME_CHARACTERS) {
      throw tooMany("tokens", MAX_NAME_CHARACTERS, "characters in a name");
    }
    if (OPENING.has(token.kind)) level += 1;
    if (CLOSING.has(token.kind)) level -= 1;
    if (level > depth) throw tooMany("depth", depth, "levels");
  }
}

const OPENING: ReadonlySet<string> = new Set([
  TokenKind.BRACE_L,
  TokenKind.BRACKET_L,
  TokenKind.PAREN_L,
]);
const CLOSING: ReadonlySet<string> = new Set([
  TokenKind.BRACE_R,
  TokenKind.BRACKET_R,
  TokenKind.PAREN_R,
]);

/** `undefined` for what is no token: the parser says so better. */
function advance(lexer: Lexer) {
  try {
    return lexer.advance();
  } catch {
    return undefined;
  }
}

/** Throws what would take too long to be validated or answered. */
function checkDocument(document: DocumentNode, { limits, ...rules }: DocumentRules): void {
  if (document.definitions.length > limits.definitions) {
    throw tooMany("definitions", limits.definitions, "operations and fragments");
  }
  new DocumentCheck(document, { limits, ...rules }).run();
}

/** A selection set, and the fragments that it was reached through in one and the same place. */
interface Place {
  readonly set: SelectionSetNode;
  readonly path: FragmentPath | undefined;
  readonly level: number;
}

interface FragmentPath {
  readonly name: string;
  readonly outer: FragmentPath | undefined;
}

/** Walks a document as an answer would be made of it: fragments are where they are used, and equal fields are one. */
class DocumentCheck {
  readonly #document: DocumentNode;
  readonly #rules: DocumentRules;
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #reached = new Set<string>();
  #selections = 0;
  #aliases = 0;
  #directives = 0;

  constructor(document: DocumentNode, rules: DocumentRules) {
    this.#document = document;
    this.#rules = rules;
    for (const definition of document.definitions) {
      if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
      this.#fragments.set(definition.name.value, definition);
    }
  }

  run(): void {
    for (const definition of this.#document.definitions) {
      if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
      this.#countDirectives(definition);
      for (const variable of definition.variableDefinitions ?? []) this.#countDirectives(variable);
      this.#visit([{ set: definition.selectionSet, path: undefined, level: 1 }]);
    }
    // Validation looks at the others too. Of equal names too: it must not matter which one is meant.
    for (const definition of this.#document.definitions) {
      if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
      const { name, selectionSet } = definition;
      const isChecked =
        this.#reached.has(name.value) && this.#fragments.get(name.value) === definition;
      if (!isChecked) this.#visit([{ set: selectionSet, path: undefined, level: 1 }]);
    }
  }

  /** Visits selection sets that are merged into one object of the answer. */
  #visit(places: readonly Place[]): void {
    const { limits } = this.#rules;
    const fields = new Map<string, { count: number; places: Place[] }>();
    const waiting = [...places];
    for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
      const { set, path, level } = place;
      if (level > limits.depth) throw tooMany("depth", limits.depth, "levels");
      for (const selection of set.selections) {
        this.#selections += 1;
        if (this.#selections > limits.selections) {
          throw tooMany("selections", limits.selections, "selections, fragments included");
        }
        this.#countDirectives(selection);
        if (selection.kind === Kind.FIELD) {
          if (selection.alias !== undefined) this.#countAlias();
          this.#checkIntrospection(selection.name.value);
          const name = (selection.alias ?? selection.name).value;
          const field = fields.get(name) ?? { count: 0, places: [] };
          fields.set(name, field);
          field.count += 1;
          if (field.count > limits.repeatedFields) {
            throw tooMany("repetition", limits.repeatedFields, "selections of one field");
          }
          if (selection.selectionSet !== undefined) {
            field.places.push({ set: selection.selectionSet, path, level: level + 1 });
          }
        } else if (selection.kind === Kind.INLINE_FRAGMENT) {
          waiting.push({ set: selection.selectionSet, path, level: level + 1 });
        } else {
          const name = selection.name.value;
          const fragment = this.#fragments.get(name);
          // A circle is an error that validation reports.
          if (fragment === undefined || isOn(path, name)) continue;
          this.#reached.add(name);
          this.#countDirectives(fragment);
          const inner = { name, outer: path };
          waiting.push({ set: fragment.selectionSet, path: inner, level: level + 1 });
        }
      }
    }
    for (const field of fields.values()) if (field.places.length > 0) this.#visit(field.places);
  }

  #countAlias(): void {
    this.#aliases += 1;
    const { aliases } = this.#rules.limits;
    if (this.#aliases > aliases) throw tooMany("aliases", aliases, "aliases");
  }

  #countDirectives(node: ASTNode): void {
    const count = "directives" in node ? (node.directives?.length ?? 0) : 0;
    this.#directives += count;
    const { directives } = this.#rules.limits;
    if (count > MAX_DIRECTIVES_OF_ONE_NODE) {
      throw tooMany("directives", MAX_DIRECTIVES_OF_ONE_NODE, "directives in one place");
    }
    if (this.#directives > directives) throw tooMany("directives", directives, "directives");
  }

  #checkIntrospection(name: string): void {
    if (this.#rules.allowsIntrospection || !INTROSPECTION_FIELDS.has(name)) return;
    throw new Refusal("introspection", "The schema cannot be asked for here.");
  }
}

function isOn(path: FragmentPath | undefined, name: string): boolean {
  for (let part = path; part !== undefined; part = part.outer) if (part.name === name) return true;
  return false;
}

function tooMany(reason: RefusalReason, limit: number, what: string): Refusal {
  return new Refusal(reason, `The document has more than ${limit} ${what}.`, limit);
}

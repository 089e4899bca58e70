// Decides which operations may be compiled, and takes the conditions out of those that may.
import {
  type BooleanValueNode,
  type DirectiveNode,
  type DocumentNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type VariableDefinitionNode,
  type VariableNode,
  visit,
} from "graphql";

/** An operation that may be compiled, in one variant for each combination of what its `@skip` and `@include` say. */
export interface CompilableOperation {
  /** The variant for these variables; `null` when they do not fit. */
  toVariant(variables: Readonly<Record<string, unknown>>): Variant | null;
}

export interface Variant {
  readonly name: string;
  /** The operation with its fragments, without any condition. */
  toDocument(): DocumentNode;
}

/**
 * `null` for what graphql-jit 0.8.9 must not see:
 * - values in the text. It writes them into its code, and a text can be made that ends up as code of its own.
 * - names that start with two underscores, except `__typename`: `__proto__` breaks the objects that its code makes,
 *   and compiling an introspection takes longer than it saves.
 * - conditions, because it keeps one for each field node, also where a fragment is spread under two of them: they are
 *   decided before.
 */
export function toCompilable(
  document: DocumentNode,
  operation: OperationDefinitionNode,
): CompilableOperation | null {
  const own = toOwnDocument(document, operation);
  const conditions = findConditions(own);
  if (conditions === null) return null;
  const definitions = (operation.variableDefinitions ?? []).filter(({ variable }) =>
    conditions.has(variable.name.value),
  );
  return {
    toVariant(variables) {
      const values = new Map<string, boolean>();
      for (const definition of definitions) {
        const value = readCondition(definition, variables);
        if (value === undefined) return null;
        values.set(definition.variable.name.value, value);
      }
      return { name: [...values.values()].join(), toDocument: () => decide(own, values) };
    },
  };
}

/** The operation alone with the document's fragments. */
function toOwnDocument(document: DocumentNode, operation: OperationDefinitionNode): DocumentNode {
  const definitions = document.definitions.filter(
    (definition) => definition === operation || definition.kind === Kind.FRAGMENT_DEFINITION,
  );
  return { kind: Kind.DOCUMENT, definitions };
}

/** The variables that conditions depend on; `null` when the operation is not to be compiled. */
function findConditions(document: DocumentNode): ReadonlySet<string> | null {
  const conditions = new Set<string>();
  let isSafe = true;
  visit(document, {
    Name({ value }) {
      if (value.startsWith("__") && value !== "__typename") isSafe = false;
    },
    OperationDefinition({ operation }) {
      if (operation !== "query") isSafe = false;
    },
    VariableDefinition({ defaultValue }) {
      const { kind } = defaultValue ?? {};
      if (kind === Kind.LIST || kind === Kind.OBJECT) isSafe = false;
    },
    Directive(node) {
      const condition = readDirective(node);
      if (condition === undefined) isSafe = false;
      else if (condition.value.kind === Kind.VARIABLE) conditions.add(condition.value.name.value);
      return false;
    },
    Argument({ value }) {
      if (value.kind !== Kind.VARIABLE) isSafe = false;
    },
  });
  return isSafe ? conditions : null;
}

interface Condition {
  /** Whether what fulfils it is left out, not kept. */
  readonly skips: boolean;
  readonly value: VariableNode | BooleanValueNode;
}

function readDirective({ name, arguments: [argument] = [] }: DirectiveNode): Condition | undefined {
  const value = argument?.value;
  const isKnown = name.value === "skip" || name.value === "include";
  if (!isKnown || (value?.kind !== Kind.VARIABLE && value?.kind !== Kind.BOOLEAN)) return undefined;
  return { skips: name.value === "skip", value };
}

function readCondition(
  { variable, defaultValue }: VariableDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): boolean | undefined {
  const name = variable.name.value;
  if (Object.hasOwn(variables, name)) {
    const value = variables[name];
    return typeof value === "boolean" ? value : undefined;
  }
  return defaultValue?.kind === Kind.BOOLEAN ? defaultValue.value : undefined;
}

/** Leaves out what is not wanted, and the conditions. */
function decide(document: DocumentNode, values: ReadonlyMap<string, boolean>): DocumentNode {
  const decideOne = <Node extends SelectionNode>(node: Node): Node | null | undefined => {
    if (!node.directives?.length) return undefined;
    const isWanted = node.directives.every((directive) => {
      const { value, skips } = readDirective(directive) ?? {};
      const holds = value?.kind === Kind.VARIABLE ? values.get(value.name.value) : value?.value;
      return holds !== skips;
    });
    return isWanted ? { ...node, directives: [] } : null;
  };
  return visit(document, {
    Field: decideOne,
    InlineFragment: decideOne,
    FragmentSpread: decideOne,
  });
}

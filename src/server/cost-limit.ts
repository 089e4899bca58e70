// How many fields an answer will have at most, estimated from the question, its variables included.
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValueNode,
} from "graphql";
import { Refusal } from "./refusal.ts";

export interface CostLimit {
  readonly cost: number;
  /** A longer list is refused where it is answered, and costs nothing more than its refusal. */
  readonly maxEntities: number;
}

export type Variables = Readonly<Record<string, unknown>>;

/** What a selection set costs: fields that are there once, and fields for each element of a list that is asked with. */
interface Cost {
  fields: number;
  readonly lists: { readonly lengths: readonly ListLength[]; readonly each: Cost }[];
}

/** The length of a list, or the variable that holds it. */
type ListLength = number | { readonly variable: string };

/** Throws where an operation of a valid document may not be executed with these variables. */
export type CheckCost = (
  operation: OperationDefinitionNode,
  document: DocumentNode,
  variables: Variables,
) => void;

/** What it makes is to be called after validation: documents are of bounded size by then. */
export function createCostCheck(limit: CostLimit): CheckCost {
  const costs = new WeakMap<OperationDefinitionNode, Cost>();
  return (operation, document, variables) => {
    if (operation.operation !== "query") {
      throw new Refusal("invalid", "There are queries here, and nothing else.");
    }
    const cost = costs.get(operation) ?? toCost(operation, document);
    costs.set(operation, cost);
    const fields = countFields(cost, variables, limit.maxEntities);
    if (fields <= limit.cost) return;
    throw new Refusal(
      "cost",
      `The answer may have ${fields} fields, more than ${limit.cost}; ask for less at once.`,
      limit.cost,
    );
  };
}

function toCost(operation: OperationDefinitionNode, { definitions }: DocumentNode): Cost {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) {
      fragments.set(definition.name.value, definition);
    }
  }
  const defaults = new Map<string, ValueNode | undefined>();
  for (const { variable, defaultValue } of operation.variableDefinitions ?? []) {
    defaults.set(variable.name.value, defaultValue);
  }

  const add = (set: SelectionSetNode | undefined, cost: Cost): Cost => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) addField(selection, cost);
      else if (selection.kind === Kind.INLINE_FRAGMENT) add(selection.selectionSet, cost);
      else add(fragments.get(selection.name.value)?.selectionSet, cost);
    }
    return cost;
  };
  const addField = (field: FieldNode, cost: Cost): void => {
    cost.fields += 1;
    if (field.selectionSet === undefined) return;
    const lengths = (field.arguments ?? []).flatMap(({ value }) => toLengths(value, defaults));
    if (lengths.length === 0) add(field.selectionSet, cost);
    else cost.lists.push({ lengths, each: add(field.selectionSet, { fields: 0, lists: [] }) });
  };
  return add(operation.selectionSet, { fields: 0, lists: [] });
}

function toLengths(
  value: ValueNode,
  defaults: ReadonlyMap<string, ValueNode | undefined>,
): ListLength[] {
  if (value.kind === Kind.LIST) return [value.values.length];
  if (value.kind !== Kind.VARIABLE) return [];
  const variable = value.name.value;
  const byDefault = defaults.get(variable);
  return byDefault?.kind === Kind.LIST ? [{ variable }, byDefault.values.length] : [{ variable }];
}

function countFields({ fields, lists }: Cost, variables: Variables, maxEntities: number): number {
  return lists.reduce((sum, { lengths, each }) => {
    const length = Math.max(1, ...lengths.map((entry) => toLength(entry, variables)));
    return sum + Math.min(length, maxEntities) * countFields(each, variables, maxEntities);
  }, fields);
}

function toLength(length: ListLength, variables: Variables): number {
  if (typeof length === "number") return length;
  const value = variables[length.variable];
  return Array.isArray(value) ? value.length : 1;
}

// What a field of an operation asks of each certificate or entity that it finds, as an operation of its own.
import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLResolveInfo,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
  visit,
} from "graphql";

export interface PartOperation {
  /** No other has it. */
  readonly number: number;
  /** Its root is the certificate or entity. */
  readonly document: DocumentNode;
  /** The names of all fields in it. */
  readonly fields: ReadonlySet<string>;
  /** The names of the variables that decide which of them are included. */
  readonly conditions: ReadonlySet<string>;
}

/** Lives as long as the process. */
export class PartOperations {
  /** For as long as their documents are. */
  readonly #known = new WeakMap<OperationDefinitionNode, Map<FieldNode, PartOperation>>();
  #count = 0;

  /** For the field that is being resolved: the same one each time, unless it is merged of several fields. */
  find(info: GraphQLResolveInfo): PartOperation {
    const [node, ...merged] = info.fieldNodes;
    if (node === undefined || merged.length > 0) return this.#create(info);
    const ofOperation = this.#known.get(info.operation) ?? new Map<FieldNode, PartOperation>();
    this.#known.set(info.operation, ofOperation);
    const operation = ofOperation.get(node) ?? this.#create(info);
    ofOperation.set(node, operation);
    return operation;
  }

  #create({ fieldNodes, fragments, operation }: GraphQLResolveInfo): PartOperation {
    const selections = fieldNodes.flatMap(({ selectionSet }) => selectionSet?.selections ?? []);
    const selectionSet: SelectionSetNode = { kind: Kind.SELECTION_SET, selections };
    const { fields, conditions, variables, usedFragments } = findUsed(selectionSet, fragments);
    const definition: OperationDefinitionNode = {
      kind: Kind.OPERATION_DEFINITION,
      operation: OperationTypeNode.QUERY,
      variableDefinitions: (operation.variableDefinitions ?? []).filter(({ variable }) =>
        variables.has(variable.name.value),
      ),
      selectionSet,
    };
    const definitions = [definition, ...usedFragments];
    this.#count += 1;
    return {
      number: this.#count,
      document: { kind: Kind.DOCUMENT, definitions },
      fields,
      conditions,
    };
  }
}

function findUsed(selectionSet: SelectionSetNode, fragments: GraphQLResolveInfo["fragments"]) {
  const fields = new Set<string>();
  const conditions = new Set<string>();
  const variables = new Set<string>();
  const usedFragments = new Set<FragmentDefinitionNode>();
  const collect = (node: SelectionSetNode | FragmentDefinitionNode): void => {
    visit(node, {
      Field: ({ name }) => void fields.add(name.value),
      Variable: ({ name }) => void variables.add(name.value),
      Directive: ({ arguments: values = [] }) => {
        for (const { value } of values) {
          if (value.kind === Kind.VARIABLE) conditions.add(value.name.value);
        }
      },
      FragmentSpread({ name }) {
        const fragment = fragments[name.value];
        if (fragment === undefined || usedFragments.has(fragment)) return;
        usedFragments.add(fragment);
        collect(fragment);
      },
    });
  };
  collect(selectionSet);
  return { fields, conditions, variables, usedFragments };
}

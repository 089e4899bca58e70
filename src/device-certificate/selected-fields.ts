// Which fields of a certificate a query wants: some of them cost a cloud call each.
import {
  type FieldNode,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from "graphql";

/** Of fields with no conditions below them: the same each time, for as long as their document is kept. */
const known = new WeakMap<FieldNode, ReadonlySet<string>>();

/** The names of all fields selected below the field that is being resolved, on whichever type. */
export function collectSelectedFields(info: GraphQLResolveInfo): ReadonlySet<string> {
  const [first, ...merged] = info.fieldNodes;
  const single = merged.length === 0 ? first : undefined;
  const ofSingle = single && known.get(single);
  if (ofSingle !== undefined) return ofSingle;
  const { fields, hasConditions } = findSelected(info, info.fieldNodes);
  const names = new Set(toNames(fields));
  if (single !== undefined && !hasConditions) known.set(single, names);
  return names;
}

/** The same one level further down: below `fieldName`, under all its aliases; `null` when it is not selected. */
export function collectFieldsBelow(
  info: GraphQLResolveInfo,
  fieldName: string,
): ReadonlySet<string> | null {
  const { fields } = findSelected(info, info.fieldNodes);
  const nodes = fields.filter(({ name }) => name.value === fieldName);
  return nodes.length === 0 ? null : new Set(toNames(findSelected(info, nodes).fields));
}

function toNames(nodes: readonly FieldNode[]): string[] {
  return nodes.map(({ name }) => name.value);
}

interface Selected {
  readonly fields: FieldNode[];
  /** Whether other variables could select others. */
  hasConditions: boolean;
}

/** The fields that stand below these, in them or in their fragments. */
function findSelected(info: GraphQLResolveInfo, parents: readonly FieldNode[]): Selected {
  const found: Selected = { fields: [], hasConditions: false };
  const seenFragments = new Set<string>();
  for (const { selectionSet } of parents) collect(selectionSet);
  return found;

  function collect(selectionSet: SelectionSetNode | undefined): void {
    for (const selection of selectionSet?.selections ?? []) {
      if (selection.directives?.length) found.hasConditions = true;
      if (!isIncluded(selection, info)) continue;
      switch (selection.kind) {
        case Kind.FIELD:
          found.fields.push(selection);
          break;
        case Kind.INLINE_FRAGMENT:
          collect(selection.selectionSet);
          break;
        case Kind.FRAGMENT_SPREAD: {
          const name = selection.name.value;
          if (seenFragments.has(name)) break;
          seenFragments.add(name);
          collect(info.fragments[name]?.selectionSet);
        }
      }
    }
  }
}

function isIncluded(node: SelectionNode | FieldNode, { variableValues }: GraphQLResolveInfo) {
  if (!node.directives?.length) return true;
  const skip = getDirectiveValues(GraphQLSkipDirective, node, variableValues);
  const include = getDirectiveValues(GraphQLIncludeDirective, node, variableValues);
  return skip?.["if"] !== true && include?.["if"] !== false;
}

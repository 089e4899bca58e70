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

/** The names of all fields selected below the field that is being resolved, on whichever type. */
export function collectSelectedFields(info: GraphQLResolveInfo): ReadonlySet<string> {
  const names = new Set<string>();
  const seenFragments = new Set<string>();
  for (const { selectionSet } of info.fieldNodes) collect(selectionSet);
  return names;

  function collect(selectionSet: SelectionSetNode | undefined): void {
    for (const selection of selectionSet?.selections ?? []) {
      if (!isIncluded(selection, info)) continue;
      switch (selection.kind) {
        case Kind.FIELD:
          names.add(selection.name.value);
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
  const skip = getDirectiveValues(GraphQLSkipDirective, node, variableValues);
  const include = getDirectiveValues(GraphQLIncludeDirective, node, variableValues);
  return skip?.["if"] !== true && include?.["if"] !== false;
}

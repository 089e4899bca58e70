// A rule of validation: a mutation is the caller's mistake. graphql-js finds it out while it executes, as if it were ours.
import { GraphQLError, type ValidationRule } from "graphql";

/** Refuses operations of a kind that the schema does not have. */
export const refuseUnknownOperationTypes: ValidationRule = (context) => ({
  OperationDefinition(node) {
    if (context.getSchema().getRootType(node.operation)) return;
    const message = `There is no ${node.operation} here: this subgraph answers queries alone.`;
    context.reportError(new GraphQLError(message, { nodes: node }));
  },
});

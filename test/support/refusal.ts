// Reads the error that a call throws, for tests that look at more than its message.
import { GraphQLError } from "graphql";

/** Runs the call and answers the GraphQL error that it throws. */
export function catchError(call: () => unknown): GraphQLError {
  try {
    call();
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
  throw new Error("Expected a GraphQL error, got none");
}

/** Answers the GraphQL error that a promise is rejected with. */
export async function catchRejection(promise: Promise<unknown>): Promise<GraphQLError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof GraphQLError) return error;
    throw error;
  }
  throw new Error("Expected a GraphQL error, got none");
}

import { GraphQLScalarType } from "graphql";
import { GraphQLDateTime } from "graphql-scalars";

/** The scalar `DateTime`: a library's, with the page that specifies it. */
export const DateTime = new GraphQLScalarType<Date, Date>({
  ...GraphQLDateTime.toConfig(),
  description: "RFC 3339, UTC.",
  specifiedByURL: "https://scalars.graphql.org/andimarek/date-time.html",
});

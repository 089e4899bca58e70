import { GraphQLScalarType } from "graphql";
import { GraphQLDateTime } from "graphql-scalars";

/** The times of a cached certificate are answered again and again; writing one takes longer than all else of a field. */
const texts = new WeakMap<Date, string>();

/** The scalar `DateTime`: a library's, with the page that specifies it. */
export const DateTime = new GraphQLScalarType<Date, string>({
  ...GraphQLDateTime.toConfig(),
  description: "RFC 3339, UTC.",
  specifiedByURL: "https://scalars.graphql.org/andimarek/date-time.html",
  serialize(value) {
    const known = value instanceof Date ? texts.get(value) : undefined;
    return known ?? toText(value);
  },
});

function toText(value: unknown): string {
  const date = GraphQLDateTime.serialize(value);
  const text = date.toISOString();
  if (value instanceof Date) texts.set(value, text);
  return text;
}

// What one request may ask of this process, and how much the process takes on at once.
import { mapping, wholeNumber } from "./values.ts";

/** The section `limits`. */
export function createLimitsSchema() {
  const limit = (byDefault: number, min: number, max: number, what: string) =>
    wholeNumber(min, max).default(byDefault).describe(`${what} (default: ${byDefault}).`);
  return mapping({
    connections: limit(5000, 1, 1_000_000, "Most connections open at once"),
    concurrentRequests: limit(
      1000,
      1,
      1_000_000,
      "Most requests that are being answered at once; others get 503",
    ),
    waitMs: limit(
      1000,
      10,
      60_000,
      "Milliseconds that a request may wait for the processor before newcomers get 503",
    ),
    receiveSeconds: limit(10, 1, 3600, "Seconds in which a request must have arrived whole"),
    idleSeconds: limit(75, 1, 3600, "Seconds that a connection is kept open between requests"),
    bodyBytes: limit(8_388_608, 1024, 134_217_728, "Most bytes in a request's body"),
    receivingBytes: limit(
      134_217_728,
      1_048_576,
      68_719_476_736,
      "Most bytes of all bodies that are being received, beside the first 16 KiB of each; others get 503",
    ),
    urlBytes: limit(8192, 256, 65_536, "Most bytes in a request's path and query"),
    headerBytes: limit(16_384, 1024, 262_144, "Most bytes in a request's headers, URL included"),
    headers: limit(100, 10, 2000, "Most headers in a request"),
    variableDepth: limit(1000, 2, 100_000, "Most levels of lists and objects in a request's JSON"),
    variableValues: limit(500_000, 100, 10_000_000, "Most values in a request's JSON"),
    queryCharacters: limit(262_144, 1024, 8_388_608, "Most characters in a GraphQL document"),
    tokens: limit(10_000, 100, 1_000_000, "Most tokens in a GraphQL document"),
    depth: limit(25, 5, 100, "Most levels of brackets or selections, fragments included"),
    definitions: limit(200, 1, 10_000, "Most operations and fragments in a GraphQL document"),
    aliases: limit(50, 0, 100_000, "Most aliases in a GraphQL document"),
    directives: limit(50, 0, 100_000, "Most directives in a GraphQL document"),
    repeatedFields: limit(50, 1, 100_000, "Most times that one field of the answer is asked for"),
    selections: limit(
      5000,
      100,
      1_000_000,
      "Most selections in a GraphQL document, each fragment counted wherever it is used",
    ),
    cost: limit(
      500_000,
      1000,
      100_000_000,
      "Most fields in one answer, estimated from the question",
    ),
    errors: limit(5000, 1, 1_000_000, "Most errors in one answer"),
  })
    .prefault({})
    .describe("What one request may ask, and how much is taken on at once.");
}

// The schema of the configuration file: every key with its default, its bounds and what it means.
import { z } from "zod";
import type { Secret } from "../secret.ts";
import { type ConfigurableProduct, createConnectionsSchema } from "./connections.ts";
import { createLimitsSchema } from "./limits.ts";
import {
  filePath,
  mapping,
  numberFrom,
  oneOf,
  secretLike,
  textLike,
  trueOrFalse,
  wholeNumber,
} from "./values.ts";

const YEAR_IN_SECONDS = 31_536_000;
const GRAPHQL_NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

/** The checked configuration: complete, with every default filled in. */
export type Config = DeepReadonly<z.output<ReturnType<typeof createConfigSchema>>>;

type DeepReadonly<Value> = unknown extends Value
  ? Value
  : Value extends Secret | string | number | boolean | undefined
    ? Value
    : { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> };

/** Checks one value of the file; rules between keys stand in `contradictions.ts`. */
export function createConfigSchema(products: readonly ConfigurableProduct[]) {
  return mapping({
    server: createServerSchema(),
    connections: createConnectionsSchema(products),
    join: createJoinSchema(),
    answer: createAnswerSchema(),
    limits: createLimitsSchema(),
    cache: createCacheSchema(),
    redis: createRedisSchema(),
    auth: createAuthSchema(),
    schema: mapping({
      authorizationDirectives: trueOrFalse()
        .default(true)
        .describe(
          "Whether @requiresScopes stands in the schema; false for gateways that refuse it, enforcement stays (default: true).",
        ),
      introspection: oneOf(["auto", "on", "off"])
        .default("auto")
        .describe(
          "Whether callers may ask for the schema; auto allows it to gateways, on loopback, and with the explorer (default: auto).",
        ),
    })
      .prefault({})
      .describe("What the GraphQL schema says."),
    secrets: createSecretsSchema(),
  }).describe("Configuration of the device certificates subgraph.");
}

function createServerSchema() {
  return mapping({
    host: textLike(/^[A-Za-z0-9._:%-]{1,253}$/, "a host name or an IP address")
      .default("127.0.0.1")
      .describe("Address to listen on; 0.0.0.0 or :: for every interface (default: 127.0.0.1)."),
    port: wholeNumber(0, 65_535)
      .default(4001)
      .describe("TCP port of GraphQL over HTTP at /graphql; 0 takes any free one (default: 4001)."),
    adminPort: wholeNumber(0, 65_535)
      .default(4002)
      .describe("TCP port of /livez, /readyz and /metrics; 0 takes any free one (default: 4002)."),
    explorer: trueOrFalse()
      .default(false)
      .describe("Whether browsers get GraphiQL at /graphql (default: false)."),
    drainSeconds: numberFrom(0, 3600)
      .default(5)
      .describe("Seconds after SIGTERM while unready but still serving (default: 5)."),
  })
    .prefault({})
    .describe("Where the server listens.");
}

function createJoinSchema() {
  return mapping({
    typeName: textLike(GRAPHQL_NAME, "a GraphQL name")
      .default("Device")
      .describe("The company's own GraphQL type of a device (default: Device)."),
    keyField: textLike(GRAPHQL_NAME, "a GraphQL name")
      .default("id")
      .describe("The @key field of that type (default: id)."),
    keyType: oneOf(["ID", "String", "Int"])
      .default("ID")
      .describe("The GraphQL type of that field, as in the device's own subgraph (default: ID)."),
    source: oneOf(["directory", "external"])
      .default("directory")
      .describe(
        "Who knows a device's certificates: a directory here, or external: the device's own subgraph (default: directory).",
      ),
    external: mapping({
      field: textLike(GRAPHQL_NAME, "a GraphQL name")
        .default("certificateIds")
        .describe(
          "The field [ID!] that the device's own subgraph provides (default: certificateIds).",
        ),
    })
      .prefault({})
      .describe("For source: external."),
    directory: mapping({
      patterns: z
        .array(
          mapping({
            device: textLike(/./, "a text that is not empty").describe(
              "Form of a device id, with {names}: {productKey}.{deviceName}; required.",
            ),
            certificate: textLike(/./, "a text that is not empty").describe(
              "Form of its certificate id, with the same {names}; required.",
            ),
          }).describe("One rule from device ids to certificate ids."),
          { error: () => "a list" },
        )
        .default([])
        .describe(
          "Rules that make certificate ids from device ids; the first match wins (default: none).",
        ),
      file: filePath()
        .optional()
        .describe(
          "CSV (deviceId,certificateId) or NDJSON file, read again when it changes (default: none).",
        ),
    })
      .prefault({})
      .describe("For source: directory."),
  })
    .prefault({})
    .describe("How certificates reach the company's own device type.");
}

function createAnswerSchema() {
  return mapping({
    withinMs: wholeNumber(100, 600_000)
      .default(10_000)
      .describe(
        "Milliseconds that an operation may take; what is not there by then is reported (default: 10000).",
      ),
    maxEntities: wholeNumber(1, 100_000)
      .default(1000)
      .describe(
        "Most representations in one _entities call, certificates of all devices in it, and ids in one deviceCertificates call (default: 1000).",
      ),
  })
    .prefault({})
    .describe("Bounds of one answer.");
}

function createCacheSchema() {
  const fresh = (seconds: number, what: string) =>
    wholeNumber(0, YEAR_IN_SECONDS)
      .default(seconds)
      .describe(`Seconds that ${what} is served without asking again (default: ${seconds}).`);
  return mapping({
    maxEntries: wholeNumber(1, 10_000_000)
      .default(100_000)
      .describe("Most certificates kept in memory; the least used leave first (default: 100000)."),
    freshSeconds: mapping({
      active: fresh(3600, "an active certificate"),
      inactive: fresh(3600, "an inactive certificate"),
      pending: fresh(60, "a certificate that is not usable yet"),
      expired: fresh(86_400, "an expired certificate"),
      revoked: fresh(86_400, "a revoked certificate"),
      failed: fresh(300, "a certificate that could not be issued"),
      notFound: fresh(60, "the answer that there is no such certificate"),
    })
      .prefault({})
      .describe("How long a certificate counts as fresh, by its status."),
    staleSeconds: wholeNumber(0, YEAR_IN_SECONDS)
      .default(86_400)
      .describe(
        "Seconds past fresh that a value may still be served, marked stale (default: 86400).",
      ),
  })
    .prefault({})
    .describe("What is kept between requests.");
}

function createRedisSchema() {
  return mapping({
    url: secretLike(/^rediss?:\/\/\S+$/, "a redis:// or rediss:// URL")
      .optional()
      .describe(
        "redis:// or rediss:// URL; with it all replicas share quota and cache (default: none).",
      ),
    keyPrefix: textLike(/^[\x21-\x7e]{1,128}$/, "1 to 128 characters without spaces")
      .default("device-certificates:")
      .describe("What every key in Redis starts with (default: device-certificates:)."),
  })
    .prefault({})
    .describe("What all replicas share.");
}

function createSecretsSchema() {
  return mapping({
    mode: oneOf(["off", "sealed"])
      .default("off")
      .describe(
        "off drops secrets where the cloud's answer is decoded; sealed hands them out encrypted to the caller's key (default: off).",
      ),
    auditFile: filePath()
      .optional()
      .describe(
        "File that each hand-out is recorded in before it is answered (default: none, standard error).",
      ),
    maxPerOperation: wholeNumber(1, 1000)
      .default(100)
      .describe("Most sealed fields of one operation; each costs a cloud call (default: 100)."),
  })
    .prefault({})
    .describe("What becomes of private keys and device secrets.");
}

const JWT_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
] as const;

function createAuthSchema() {
  const text = textLike(/\S/, "a text that is not empty");
  return mapping({
    mode: oneOf(["none", "jwt", "gateway"])
      .default("none")
      .describe("How callers are known: none, jwt or gateway (default: none)."),
    allowAnonymous: trueOrFalse()
      .default(false)
      .describe("Whether mode none may listen on an address other than loopback (default: false)."),
    jwt: mapping({
      jwksUrl: textLike(/^https?:\/\/\S+$/, "an http or https URL")
        .optional()
        .describe(
          "URL of the issuer's key set; this or publicKeyFile is required for mode: jwt (default: none).",
        ),
      publicKeyFile: filePath()
        .optional()
        .describe(
          "File with the issuer's public keys, PEM, JWK or JWKS, read again when it changes (default: none).",
        ),
      issuer: text
        .optional()
        .describe("The iss claim that tokens must have; required for mode: jwt (default: none)."),
      audience: text
        .optional()
        .describe("The aud claim that tokens must have; required for mode: jwt (default: none)."),
      algorithms: z
        .array(oneOf(JWT_ALGORITHMS), { error: () => "a list" })
        .min(1, { error: () => "a list of at least one" })
        .optional()
        .transform((names): readonly string[] => names ?? JWT_ALGORITHMS)
        .describe("Signature algorithms that tokens may have (default: all of them)."),
      scopeClaim: text
        .default("scope")
        .describe(
          "The claim that lists the caller's scopes; realm.roles for one inside another (default: scope).",
        ),
    })
      .prefault({})
      .describe("For mode: jwt."),
    gateway: mapping({
      header: createHeaderNameSchema()
        .default("x-gateway-token")
        .describe("Request header that carries the token (default: x-gateway-token)."),
      token: createTokensSchema().describe(
        "One token, or a list of two while one replaces the other; at least 16 characters each; required for mode: gateway.",
      ),
      scopesHeader: createHeaderNameSchema()
        .default("x-scopes")
        .describe("Request header that carries the caller's scopes (default: x-scopes)."),
      subjectHeader: createHeaderNameSchema()
        .default("x-subject")
        .describe(
          "Request header that names the caller, for the audit of secrets (default: x-subject).",
        ),
    })
      .prefault({})
      .describe("For mode: gateway."),
  })
    .prefault({})
    .describe("Who may ask.");
}

/** Answered in lower case, as Node spells the headers of a request. */
function createHeaderNameSchema() {
  return textLike(HEADER_NAME, "the name of an HTTP header").transform((name) =>
    name.toLowerCase(),
  );
}

/** Answered as a list, empty when not set. */
function createTokensSchema() {
  const expected = {
    error: () =>
      "one token, or a list of one or two, each of at least 16 characters without spaces or line breaks",
  };
  const token = secretLike(/^[\x21-\x7e]{16,}$/, expected.error());
  return z
    .union([token, z.array(token, expected).min(1, expected).max(2, expected)], expected)
    .optional()
    .transform((tokens): readonly Secret[] =>
      tokens === undefined ? [] : Array.isArray(tokens) ? tokens : [tokens],
    );
}

// The part of the configuration that the clouds shape: accounts, credentials, endpoints and quotas.
import { z } from "zod";
import type { SegmentForm } from "../certificate-id/text.ts";
import type { CertificateProduct, Cloud } from "../device-certificate/product.ts";
import type { Credential } from "../providers/credentials.ts";
import type { CallLimit } from "../quota/quota.ts";
import { Secret } from "../secret.ts";
import { headerText, httpOrigin, mapping, positiveNumber, textLike, toChoice } from "./values.ts";

/** The part of a product that the configuration needs to know. */
export interface ConfigurableProduct extends Pick<CertificateProduct, "prefix" | "endpoint"> {
  readonly key: readonly SegmentForm[];
  readonly cloud: Pick<Cloud, "name" | "title" | "settings" | "exampleRegion">;
  readonly limits: readonly Pick<CallLimit, "action" | "callsPerSecond">[];
}

/** How the calls of a connection are signed: with fixed keys, or with the vendor's own provider chain. */
type CredentialConfig = ({ readonly source: "static" } & Credential) | { readonly source: "chain" };

/** One account at a cloud, in one region. */
export interface ConnectionConfig {
  readonly cloud: string;
  readonly name: string;
  readonly region: string;
  readonly credentials: CredentialConfig;
  /** The origin of each of the cloud's products, by `endpoint.name`; complete. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly quota: {
    /** Connections of a cloud with the same value share their quotas; by default those with the same access key do. */
    readonly account?: string;
    /** The part of the account's quota that this process and its replicas may use. */
    readonly share: number;
    /** Calls a second by API action, where they differ from the cloud's documentation. */
    readonly perSecond: Readonly<Record<string, number>>;
  };
  /** What `Cloud.settings` parsed; keys that are not set are left out. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The schema of `connections` for the clouds of these products. */
export function createConnectionsSchema(products: readonly ConfigurableProduct[]) {
  const clouds = toClouds(products);
  const [first, ...others] = clouds.map((productsOfCloud) =>
    createConnectionSchema(productsOfCloud),
  );
  if (first === undefined) throw new TypeError("The configuration needs at least one product.");
  const cloudNames = clouds.map(([product]) => product.cloud.name);
  return z
    .array(
      z.discriminatedUnion("cloud", [first, ...others], {
        error: (issue) => (issue.code === "invalid_union" ? toChoice(cloudNames) : undefined),
      }),
      { error: () => "a list of at least one connection" },
    )
    .min(1, { error: () => "a list of at least one connection" })
    .describe("Accounts at clouds whose certificates are served; at least one.");
}

/** What every connection has, whatever its cloud: checked also where the cloud is not known. */
export function createAnyConnectionSchema() {
  return z.looseObject({
    ...createAccountShape("ap-guangzhou"),
    quota: z.looseObject({ share: createShareSchema() }).optional(),
  });
}

type ProductsOfCloud = readonly [ConfigurableProduct, ...ConfigurableProduct[]];

function toClouds(products: readonly ConfigurableProduct[]): ProductsOfCloud[] {
  const clouds = new Map<string, [ConfigurableProduct, ...ConfigurableProduct[]]>();
  for (const product of products) {
    const known = clouds.get(product.cloud.name);
    if (known === undefined) clouds.set(product.cloud.name, [product]);
    else known.push(product);
  }
  return [...clouds.values()];
}

function createConnectionSchema(products: ProductsOfCloud) {
  const { cloud } = products[0];
  return mapping({
    ...cloud.settings,
    cloud: z.literal(cloud.name).describe(`The cloud: ${cloud.title}.`),
    ...createAccountShape(cloud.exampleRegion),
    endpoints: createEndpointsSchema(products),
    quota: createQuotaSchema(products),
  })
    .transform(({ name, region, credentials, endpoints, quota, ...rest }): ConnectionConfig => {
      const settings: Readonly<Record<string, unknown>> = rest;
      return {
        cloud: cloud.name,
        name,
        region,
        credentials,
        endpoints: Object.fromEntries(
          products.map(({ endpoint }) => [
            endpoint.name,
            endpoints[endpoint.name] ?? endpoint.originOf(region),
          ]),
        ),
        quota,
        settings: withoutUnset(
          Object.fromEntries(Object.keys(cloud.settings).map((key) => [key, settings[key]])),
        ),
      };
    })
    .describe(`An account at ${cloud.title}.`);
}

function createAccountShape(exampleRegion: string) {
  return {
    name: textLike(
      /^[A-Za-z0-9._-]{1,64}$/,
      "1 to 64 letters, digits, dots, hyphens and underscores",
    )
      .default("default")
      .describe(
        "Second segment of every certificate id; unique within its cloud; never change it (default: default).",
      ),
    region: textLike(
      /^[a-z0-9][a-z0-9-]{0,63}$/,
      `a region such as ${exampleRegion}: lower-case letters, digits and hyphens`,
    ).describe(`The cloud's region, for example ${exampleRegion}; required.`),
    credentials: createCredentialsSchema(),
  };
}

function createCredentialsSchema() {
  const chain = mapping({
    source: z
      .literal("chain")
      .describe("The vendor's own provider chain: role, OIDC, profile, instance metadata."),
  });
  const fixed = mapping({
    source: z.literal("static").optional().describe("Keys from this file (default: static)."),
    accessKeyId: headerText().describe(
      "Id of the access key (at Tencent Cloud: SecretId); required.",
    ),
    accessKeySecret: headerText()
      .transform((text) => new Secret(text))
      .describe("Secret of the access key (at Tencent Cloud: SecretKey); required."),
    securityToken: headerText()
      .transform((text) => new Secret(text))
      .optional()
      .describe("Session token of temporary (STS) credentials (default: none)."),
  }).transform(
    ({ accessKeyId, accessKeySecret, securityToken }): CredentialConfig => ({
      source: "static",
      accessKeyId,
      accessKeySecret,
      ...(securityToken !== undefined && { securityToken }),
    }),
  );
  return z
    .discriminatedUnion("source", [fixed, chain], {
      error: (issue) =>
        issue.code === "invalid_union"
          ? toChoice(["static", "chain"])
          : "a mapping with accessKeyId and accessKeySecret, or with source: chain",
    })
    .describe("What the calls are signed with: an access key, or `source: chain`; required.");
}

function createEndpointsSchema(products: ProductsOfCloud) {
  return mapping(
    Object.fromEntries(
      products.map(({ cloud, endpoint }) => [
        endpoint.name,
        httpOrigin()
          .optional()
          .describe(
            `Origin of the ${endpoint.name} API, http or https (default: the vendor's, ${endpoint.originOf(cloud.exampleRegion)} for ${cloud.exampleRegion}).`,
          ),
      ]),
    ),
  )
    .prefault({})
    .describe("Other addresses for the cloud's APIs: a proxy, a private link, the emulator.");
}

function createShareSchema() {
  const expected = { error: () => "a number above 0, at most 1" };
  return z.number(expected).gt(0, expected).max(1, expected).default(1);
}

function createQuotaSchema(products: ProductsOfCloud) {
  const actions = products.flatMap(({ limits }) => limits);
  return mapping({
    account: textLike(/^[^\s]{1,128}$/, "1 to 128 characters without spaces")
      .optional()
      .describe(
        "Name of the account that the cloud counts calls of; connections with the same one share quotas (default: those with the same access key).",
      ),
    share: createShareSchema().describe(
      "The part of the account's quota that this software may use, 0 < share <= 1 (default: 1).",
    ),
    perSecond: mapping(
      Object.fromEntries(
        actions.map(({ action, callsPerSecond }) => [
          action,
          positiveNumber(100_000)
            .optional()
            .describe(
              `Calls of ${action} a second, before the share (default: ${callsPerSecond}).`,
            ),
        ]),
      ),
    )
      .prefault({})
      .transform(withoutUnset<number>)
      .describe(
        "The account's real quota by API action, where the cloud has raised or lowered it.",
      ),
  })
    .prefault({})
    .transform(({ account, ...quota }) => ({ ...quota, ...(account !== undefined && { account }) }))
    .describe("How much of the account's quota is used.");
}

function withoutUnset<Value>(
  values: Readonly<Record<string, Value | undefined>>,
): Readonly<Record<string, Value>> {
  const set: Record<string, Value> = {};
  for (const [key, value] of Object.entries(values)) {
    if (value !== undefined) set[key] = value;
  }
  return set;
}

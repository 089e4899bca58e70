// Resolves representations of certificates, by which gateways ask for entities: each on its own, by its id alone.
import type { GraphQLResolveInfo } from "graphql";
import { type RequestContext, requireScopes } from "../context.ts";
import { RequestError } from "../errors.ts";
import { SCOPES } from "../scopes.ts";
import { checkEntityCount } from "./certificate.resolver.ts";
import { DeviceCertificate, X509DeviceCertificate } from "./device-certificate.ts";
import type { CertificateProduct } from "./product.ts";
import { collectSelectedFields } from "./selected-fields.ts";

/** Resolves the field `_entities`. */
export type EntitiesResolver = (
  source: unknown,
  args: { readonly representations: readonly unknown[] },
  context: RequestContext,
  info: GraphQLResolveInfo,
) => Promise<DeviceCertificate | null>[];

type CertificateClass = abstract new (...args: never[]) => DeviceCertificate;

/** Entities are the two interfaces and the type of each product. */
export function createEntitiesResolver(products: readonly CertificateProduct[]): EntitiesResolver {
  const types = new Map<string, CertificateClass>([
    [DeviceCertificate.name, DeviceCertificate],
    [X509DeviceCertificate.name, X509DeviceCertificate],
    ...products.map(({ certificateType }) => [certificateType.name, certificateType] as const),
  ]);

  return (_source, { representations }, context, info) => {
    requireScopes(context.caller, [SCOPES.read]);
    checkEntityCount("representations", representations.length, context.maxEntities);
    const fields = collectSelectedFields(info);
    return representations.map(async (representation) => {
      const { __typename, id } = readRepresentation(representation);
      const type = typeof __typename === "string" ? types.get(__typename) : undefined;
      if (type === undefined) {
        const known = [...types.keys()].join(", ");
        throw new RequestError(
          "BAD_USER_INPUT",
          `Malformed representation: expected __typename to be one of ${known}.`,
        );
      }
      const certificate = await context.certificates.loadById(id, fields);
      if (certificate === null || isInstance(certificate, type)) return certificate;
      throw new RequestError(
        "BAD_USER_INPUT",
        `Malformed representation: its id names a ${certificate.__typename}, not a ${type.name}.`,
      );
    });
  };
}

/** Not a type guard: what is no instance is still a certificate. */
function isInstance(certificate: DeviceCertificate, type: CertificateClass): boolean {
  return certificate instanceof type;
}

/** Only the key is read: whatever else a representation claims is never echoed. */
function readRepresentation(representation: unknown): { __typename?: unknown; id?: unknown } {
  if (typeof representation === "object" && representation !== null) return representation;
  throw new RequestError(
    "BAD_USER_INPUT",
    "Malformed representation: expected an object with __typename and id.",
  );
}

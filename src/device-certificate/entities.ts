// Resolves representations, by which gateways ask for entities: each on its own, by its key alone.
import type { GraphQLResolveInfo } from "graphql";
import { toCacheTag } from "../cache-tags.ts";
import { type RequestContext, requireScopes } from "../context.ts";
import { RequestError } from "../errors.ts";
import { SCOPES } from "../scopes.ts";
import { andThen, type NowOrLater, slices } from "../slices.ts";
import type { Loaded } from "./certificate.loader.ts";
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
) => NowOrLater<Entity[]>;

/** What a representation stands for; an error in its place when that cannot be found out. */
type Entity = object | null | Error;

/** A type of entities beside the certificates. */
export interface EntityType {
  readonly typeName: string;
  /** Called once for all representations of one `_entities` call; who asks is checked where more than the key is read. */
  createReader(
    context: RequestContext,
    info: GraphQLResolveInfo,
  ): (representation: Representation) => object;
  /** The ids of the certificates that an entity of this type tells of, for the tags of caches. */
  certificateIdsOf?(entity: object): readonly unknown[];
}

/** What a gateway claims of an entity, to be read with `readField` alone. */
export type Representation = Readonly<Record<string, unknown>>;

type CertificateClass = abstract new (...args: never[]) => DeviceCertificate;

/** Entities are the two interfaces, the type of each product, and `others`. */
export function createEntitiesResolver(
  products: readonly CertificateProduct[],
  others: readonly EntityType[] = [],
): EntitiesResolver {
  const certificateTypes = new Map<unknown, CertificateClass>([
    [DeviceCertificate.name, DeviceCertificate],
    [X509DeviceCertificate.name, X509DeviceCertificate],
    ...products.map(({ certificateType }) => [certificateType.name, certificateType] as const),
  ]);
  const otherTypes = new Map<unknown, EntityType>(others.map((type) => [type.typeName, type]));
  const typeNames = [...certificateTypes.keys(), ...otherTypes.keys()].join(", ");

  return (_source, { representations }, context, info) => {
    checkEntityCount("representations", representations.length, context.maxEntities);
    const claims = representations.map(toClaim);
    if (!claims.every((claim) => claim !== null && otherTypes.has(claim.typeName))) {
      requireScopes(context.caller, [SCOPES.read]);
    }
    const readers = new Map<EntityType, (representation: Representation) => object>();
    const findReader = (type: EntityType) => {
      const reader = readers.get(type) ?? type.createReader(context, info);
      readers.set(type, reader);
      return reader;
    };
    const read = slices.map(claims, (claim) => inItsPlace(() => readClaim(claim, findReader)));
    return andThen(read, (wanted): NowOrLater<Entity[]> => {
      context.cacheTags.addEntities(() => wanted.map(toTags));
      const ids = wanted.flatMap((one) => (one instanceof WantedCertificate ? [one.id] : []));
      if (ids.length === 0) return wanted;
      const loaded = context.certificates.loadMany(ids, collectSelectedFields(info));
      return andThen(loaded, (certificates) => putInPlace(certificates, wanted));
    });
  };

  function toTags(entity: WantedCertificate | object): string[] {
    const ids =
      entity instanceof WantedCertificate
        ? [entity.id]
        : others.flatMap((type) => type.certificateIdsOf?.(entity) ?? []);
    return ids.map((id) => toCacheTag(String(id)));
  }

  function readClaim(
    claim: Claim | null,
    findReader: (type: EntityType) => (representation: Representation) => object,
  ): WantedCertificate | object {
    if (claim === null) throw createBadRepresentation("an object with __typename and key");
    const { typeName, representation } = claim;
    const otherType = otherTypes.get(typeName);
    if (otherType !== undefined) return findReader(otherType)(representation);
    const type = certificateTypes.get(typeName);
    if (type === undefined) throw createBadRepresentation(`__typename to be one of ${typeNames}`);
    return new WantedCertificate(type, readField(representation, "id"));
  }
}

class WantedCertificate {
  readonly type: CertificateClass;
  readonly id: unknown;

  constructor(type: CertificateClass, id: unknown) {
    this.type = type;
    this.id = id;
  }
}

/** What goes wrong with one representation stands in its place: thrown, it would cost the neighbours. */
function inItsPlace(read: () => object): object {
  try {
    return read();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The certificates among everything else, in the order in which all of it was asked for. */
function putInPlace(
  certificates: readonly Loaded[],
  wanted: readonly (WantedCertificate | object)[],
): Entity[] {
  let next = 0;
  return wanted.map((one) =>
    one instanceof WantedCertificate ? checkType(certificates[next++] ?? null, one) : one,
  );
}

function checkType(certificate: Loaded, { type }: WantedCertificate): Entity {
  if (certificate === null || certificate instanceof Error || isInstance(certificate, type)) {
    return certificate;
  }
  return new RequestError(
    "BAD_USER_INPUT",
    `Malformed representation: its id names a ${certificate.__typename}, not a ${type.name}.`,
  );
}

/** One field that the type declares as its key or as required: whatever else is claimed is never read. */
export function readField(representation: Representation, name: string): unknown {
  return Object.hasOwn(representation, name) ? representation[name] : undefined;
}

export function createBadRepresentation(expectation: string): RequestError {
  return new RequestError("BAD_USER_INPUT", `Malformed representation: expected ${expectation}.`);
}

/** Not a type guard: what is no instance is still a certificate. */
function isInstance(certificate: DeviceCertificate, type: CertificateClass): boolean {
  return certificate instanceof type;
}

interface Claim {
  readonly typeName: unknown;
  readonly representation: Representation;
}

function toClaim(value: unknown): Claim | null {
  if (!isRepresentation(value)) return null;
  try {
    return { typeName: readField(value, "__typename"), representation: value };
  } catch {
    // No JSON is so, but one that is must not take its neighbours down.
    return null;
  }
}

function isRepresentation(value: unknown): value is Representation {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

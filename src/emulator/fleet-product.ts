// What the certificates of all four emulated products have in common: an index, an id, and a place in a list.

/** Fixes every byte of the fleet. */
export interface FleetOptions {
  readonly seed: string;
  /** Certificates that each of the four products holds. */
  readonly size: number;
  /** The day that validity periods are laid around: states such as "expires soon" hold for the day after it. */
  readonly now: Date;
}

/** The status that the contract's life cycle gives this certificate, on the day of the fleet. */
export type ExpectedStatus =
  | "PENDING"
  | "ACTIVE"
  | "INACTIVE"
  | "EXPIRED"
  | "REVOKED"
  | "FAILED"
  | "UNKNOWN";

export interface FleetCertificate {
  /** 0 to `size - 1` within its product; device number n holds the n-th certificate of every product. */
  readonly index: number;
  /** The certificate id in the contract's form, on the connection `default`. */
  readonly id: string;
  /** The values of the id behind the connection. */
  readonly key: readonly string[];
  readonly expectedStatus: ExpectedStatus;
  /** Secrets that the cloud's answer for this certificate carries. */
  readonly canaries: readonly string[];
}

/** All certificates of one product, each made when it is first needed. */
export interface FleetProduct<T extends FleetCertificate> {
  readonly prefix: string;
  readonly size: number;
  at(index: number): T;
  /** The certificate with these key values, as the cloud compares them. */
  find(...key: readonly string[]): T | undefined;
  ids(): string[];
  all(): T[];
}

export interface FleetProductOptions<T extends FleetCertificate> {
  readonly prefix: string;
  readonly size: number;
  /** Of certificates that are listed and looked up, but need not be made for it. */
  readonly toKey: (index: number) => readonly string[];
  readonly create: (index: number) => T;
  /** The one spelling of keys that the cloud holds for equal; by default the key as it is. */
  readonly toCanonicalKey?: (key: readonly string[]) => readonly string[];
}

export function createFleetProduct<T extends FleetCertificate>(
  options: FleetProductOptions<T>,
): FleetProduct<T> {
  const { prefix, size, toKey, create, toCanonicalKey = (key) => key } = options;
  const made = new Map<number, T>();
  let indexByKey: Map<string, number> | undefined;

  const at = (index: number): T => {
    const known = made.get(index);
    if (known !== undefined) return known;
    if (!Number.isInteger(index) || index < 0 || index >= size) {
      throw new RangeError(`The fleet has ${prefix} certificates 0 to ${size - 1}, not ${index}.`);
    }
    const certificate = create(index);
    made.set(index, certificate);
    return certificate;
  };
  const forEachIndex = <U>(convert: (index: number) => U) =>
    Array.from({ length: size }, (_, index) => convert(index));
  const toMapKey = (key: readonly string[]) => JSON.stringify(toCanonicalKey(key));

  return {
    prefix,
    size,
    at,
    all: () => forEachIndex(at),
    ids: () => forEachIndex((index) => toCertificateId(prefix, toKey(index))),
    find: (...key) => {
      indexByKey ??= new Map(forEachIndex((index) => [toMapKey(toKey(index)), index] as const));
      const index = indexByKey.get(toMapKey(key));
      return index === undefined ? undefined : at(index);
    },
  };
}

/** The contract's form of an id: `%` and `:` are escaped inside a segment, nothing else. */
export function toCertificateId(prefix: string, key: readonly string[]): string {
  const segments = key.map((value) => value.replaceAll("%", "%25").replaceAll(":", "%3A"));
  return [prefix, "default", ...segments].join(":");
}

// Certificate ids: `<product>:<connection>:<the product's own key>`. Their form is frozen; other subgraphs store them.

import { LRUCache } from "lru-cache";
import {
  CertificateIdError,
  checkSegment,
  createSegmentError,
  decodeSegment,
  joinSegments,
  readKey,
  splitSegments,
} from "../certificate-id/text.ts";
import { RequestError } from "../errors.ts";
import type { CertificateProduct, CertificateSource } from "./product.ts";

/** One product on one configured connection. */
export interface ConnectedProduct {
  readonly product: CertificateProduct;
  readonly connection: string;
  readonly source: CertificateSource;
}

/** A certificate id that names a configured connection. */
export interface CertificateReference {
  /** As it was asked with. */
  readonly id: string;
  readonly connected: ConnectedProduct;
  /** The values of the product's key segments. */
  readonly key: readonly string[];
  /** The same for all spellings that the cloud holds for one certificate. */
  readonly canonicalId: string;
}

/** With ids of the usual length 5 MB. */
const MAX_RESOLVED = 10_000;

/** All products on all configured connections, by which ids are told apart. */
export class CertificateCatalog {
  readonly connected: readonly ConnectedProduct[];
  readonly #byPrefix = new Map<string, Map<string, ConnectedProduct>>();
  /** Gateways ask for the same ids again and again; reading one takes longer than finding its certificate. */
  readonly #resolved = new LRUCache<string, CertificateReference>({ max: MAX_RESOLVED });

  constructor(connected: readonly ConnectedProduct[]) {
    this.connected = connected;
    for (const entry of connected) {
      const { prefix } = entry.product;
      const connections = this.#byPrefix.get(prefix) ?? new Map<string, ConnectedProduct>();
      this.#byPrefix.set(prefix, connections.set(entry.connection, entry));
    }
  }

  /** Throws `BAD_USER_INPUT` with a message that names the segment. */
  resolveId(id: unknown): CertificateReference {
    const resolved = typeof id === "string" ? this.#resolved.get(id) : undefined;
    if (resolved !== undefined) return resolved;
    const reference = this.#readId(id);
    this.#resolved.set(reference.id, reference);
    return reference;
  }

  /** The same for a product's own root field, whose arguments are the segments. */
  resolveKey(prefix: string, connection: string, key: readonly string[]): CertificateReference {
    return orBadUserInput(() => {
      const connections = this.#byPrefix.get(prefix) ?? new Map<string, ConnectedProduct>();
      const connected = findConnection(connections, prefix, connection);
      const values = connected.product.key.map((segment, index) =>
        checkSegment(segment, key[index] ?? ""),
      );
      return toReference(joinSegments(prefix, connection, key), connected, values);
    });
  }

  #readId(id: unknown): CertificateReference {
    return orBadUserInput(() => {
      const [prefix, connection, ...key] = splitSegments(id);
      const connections = this.#byPrefix.get(prefix);
      if (connections === undefined) {
        const known = [...this.#byPrefix.keys()].join(", ");
        throw createSegmentError("product", `expected one of ${known}`, prefix);
      }
      if (connection === undefined) throw createSegmentError("connection", "is missing");
      const name = decodeSegment("connection", connection);
      const connected = findConnection(connections, prefix, name);
      return toReference(String(id), connected, readKey(connected.product.key, key));
    });
  }
}

function toReference(
  id: string,
  connected: ConnectedProduct,
  key: readonly string[],
): CertificateReference {
  const canonicalKey = connected.product.key.map(({ canonical }, index) => {
    const value = key[index] ?? "";
    return canonical === undefined ? value : canonical(value);
  });
  const canonicalId = joinSegments(connected.product.prefix, connected.connection, canonicalKey);
  return { id, connected, key, canonicalId };
}

function findConnection(
  connections: ReadonlyMap<string, ConnectedProduct>,
  prefix: string,
  name: string,
): ConnectedProduct {
  const connected = connections.get(name);
  if (connected !== undefined) return connected;
  const known = [...connections.keys()].join(", ") || "none";
  throw createSegmentError("connection", `expected one configured for ${prefix} (${known})`, name);
}

/** Whoever sent the id made the mistake. */
function orBadUserInput<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof CertificateIdError)) throw error;
    throw new RequestError("BAD_USER_INPUT", error.message);
  }
}

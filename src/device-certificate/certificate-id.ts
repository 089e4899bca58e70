// Certificate ids: `<product>:<connection>:<the product's own key>`. Their form is frozen; other subgraphs store them.
import { RequestError } from "../errors.ts";
import type { CertificateProduct, CertificateSource, KeySegment } from "./product.ts";

/** Longer texts are no ids: no cloud has keys of this length. */
const MAX_ID_LENGTH = 1024;
const MAX_ECHOED_LENGTH = 80;

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

/** Writes the id of a certificate: `formatCertificateId("aliyun-iot", "default", ["a1B2", "pump-7"])`. */
export function formatCertificateId(
  product: string,
  connection: string,
  key: readonly string[],
): string {
  return [product, connection, ...key].map(encodeSegment).join(":");
}

/** All products on all configured connections, by which ids are told apart. */
export class CertificateCatalog {
  readonly #byPrefix = new Map<string, Map<string, ConnectedProduct>>();

  constructor(connected: readonly ConnectedProduct[]) {
    for (const entry of connected) {
      const { prefix } = entry.product;
      const connections = this.#byPrefix.get(prefix) ?? new Map<string, ConnectedProduct>();
      this.#byPrefix.set(prefix, connections.set(entry.connection, entry));
    }
  }

  /** Throws `BAD_USER_INPUT` with a message that names the segment. */
  resolveId(id: unknown): CertificateReference {
    if (typeof id !== "string") throw badId("expected a string", id);
    checkLength(id);
    const [prefix = "", connection, ...key] = id.split(":");
    const connections = this.#byPrefix.get(prefix);
    if (connections === undefined) {
      const known = [...this.#byPrefix.keys()].join(", ");
      throw badId(`segment "product": expected one of ${known}`, prefix);
    }
    if (connection === undefined) throw badId('segment "connection" is missing');
    const name = decodeSegment("connection", connection);
    const connected = findConnection(connections, prefix, name);
    const { product } = connected;
    if (key.length > product.key.length) {
      const last = product.key.at(-1)?.name;
      throw badId(`nothing is expected behind segment "${last}"; write ":" inside of one as %3A`);
    }
    const values = product.key.map((segment, index) => {
      const text = key[index];
      if (text === undefined) throw badId(`segment "${segment.name}" is missing`);
      return checkSegment(segment, decodeSegment(segment.name, text));
    });
    return toReference(id, connected, values);
  }

  /** The same for a product's own root field, whose arguments are the segments. */
  resolveKey(prefix: string, connection: string, key: readonly string[]): CertificateReference {
    const connections = this.#byPrefix.get(prefix) ?? new Map<string, ConnectedProduct>();
    const connected = findConnection(connections, prefix, connection);
    const values = connected.product.key.map((segment, index) =>
      checkSegment(segment, key[index] ?? ""),
    );
    const id = formatCertificateId(prefix, connection, key);
    checkLength(id);
    return toReference(id, connected, values);
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
  const canonicalId = formatCertificateId(
    connected.product.prefix,
    connected.connection,
    canonicalKey,
  );
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
  throw badId(`segment "connection": expected one configured for ${prefix} (${known})`, name);
}

function checkLength(id: string): void {
  if (id.length <= MAX_ID_LENGTH) return;
  throw badId(`expected at most ${MAX_ID_LENGTH} characters, got ${id.length}`);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

function checkSegment({ name, pattern }: KeySegment, value: string): string {
  if (value === "") throw badId(`segment "${name}" is empty`);
  if (CONTROL_CHARACTER.test(value)) {
    throw badId(`segment "${name}": expected no control characters`, value);
  }
  // Half a character cannot be sent to any cloud.
  if (!value.isWellFormed()) throw badId(`segment "${name}": expected well-formed Unicode`, value);
  if (pattern !== undefined && !pattern.regExp.test(value)) {
    throw badId(`segment "${name}": expected ${pattern.expected}`, value);
  }
  return value;
}

function encodeSegment(value: string): string {
  return value.replaceAll("%", "%25").replaceAll(":", "%3A");
}

function decodeSegment(name: string, text: string): string {
  return text.replace(/%(.{0,2})/gs, (_, code: string) => {
    if (code === "25") return "%";
    if (code.toUpperCase() === "3A") return ":";
    throw badId(`segment "${name}": expected only %25 (for %) and %3A (for :)`, `%${code}`);
  });
}

function badId(expectation: string, came?: unknown): RequestError {
  const got = came === undefined ? "" : `, got ${quote(came)}`;
  return new RequestError("BAD_USER_INPUT", `Malformed certificate id: ${expectation}${got}.`);
}

function quote(came: unknown): string {
  if (typeof came !== "string") return came === null ? "null" : typeof came;
  return JSON.stringify(
    came.length > MAX_ECHOED_LENGTH ? `${came.slice(0, MAX_ECHOED_LENGTH)}…` : came,
  );
}

// Rules that make certificate ids from device ids: `{productKey}.{deviceName}` -> `aliyun-iot:default:{productKey}:{deviceName}`.
import {
  CertificateIdError,
  checkSegment,
  createSegmentError,
  decodeSegment,
  joinSegments,
  readKey,
  type SegmentForm,
  splitSegments,
} from "../certificate-id/text.ts";

/** A rule as the configuration has it. */
export interface PatternTexts {
  /** Form of a device id, with names in braces. */
  readonly device: string;
  /** Form of its certificate id, with the same names. */
  readonly certificate: string;
}

/** A product as far as its ids go, with the names of its configured connections. */
export interface IdForm {
  readonly prefix: string;
  readonly key: readonly SegmentForm[];
  readonly connections: readonly string[];
}

/** A rule cannot be used. The message says why, as the end of a sentence that starts with the part. */
export class PatternError extends Error {
  readonly part: keyof PatternTexts;

  constructor(part: keyof PatternTexts, message: string) {
    super(message);
    this.name = "PatternError";
    this.part = part;
  }
}

/** The certificate id of a device; `undefined` where the rule is not about it. */
export type DevicePattern = (deviceId: string) => string | undefined;

/** Throws a `PatternError` for a rule that could not work. */
export function createDevicePattern(texts: PatternTexts, forms: readonly IdForm[]): DevicePattern {
  const device = parseDevice(texts.device);
  const toId = parseCertificate(texts.certificate, namesOf(device), forms);
  return (deviceId) => {
    const values = matchDevice(device, deviceId);
    return values && toId(values);
  };
}

type Piece = { readonly literal: string } | { readonly name: string };
type Values = ReadonlyMap<string, string>;

const PIECES = /\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]|[^{}]+/g;

function parsePieces(part: keyof PatternTexts, text: string): Piece[] {
  return Array.from(text.matchAll(PIECES), ([literal, name]) => {
    if (name !== undefined) return { name };
    if (literal === "{" || literal === "}") {
      throw new PatternError(
        part,
        "has a brace that belongs to no name; a name is letters, digits and underscores in braces: {deviceName}",
      );
    }
    return { literal };
  });
}

function namesOf(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) => ("name" in piece ? [piece.name] : []));
}

function parseDevice(text: string): readonly Piece[] {
  const pieces = parsePieces("device", text);
  const names = namesOf(pieces);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) throw new PatternError("device", `has {${repeated}} twice`);
  for (const [index, piece] of pieces.entries()) {
    const next = pieces[index + 1];
    if (next !== undefined && "name" in piece && "name" in next) {
      const message = `needs a text between {${piece.name}} and {${next.name}}: nobody could tell where one ends`;
      throw new PatternError("device", message);
    }
  }
  return pieces;
}

/**
 * From the left, each name takes at least one character and no more than it must; the last one takes the rest.
 * Without going back: where this finds no match, there is none.
 */
function matchDevice(pieces: readonly Piece[], deviceId: string): Values | undefined {
  const values = new Map<string, string>();
  let from = 0;
  let open: string | undefined;
  for (const [index, piece] of pieces.entries()) {
    if ("name" in piece) {
      open = piece.name;
      continue;
    }
    const { literal } = piece;
    if (open === undefined) {
      if (!deviceId.startsWith(literal, from)) return undefined;
      from += literal.length;
      continue;
    }
    const isLast = index === pieces.length - 1;
    const at = isLast ? deviceId.length - literal.length : deviceId.indexOf(literal, from + 1);
    if (at <= from || !deviceId.startsWith(literal, at)) return undefined;
    values.set(open, deviceId.slice(from, at));
    open = undefined;
    from = at + literal.length;
  }
  if (open === undefined) return from === deviceId.length ? values : undefined;
  if (from >= deviceId.length) return undefined;
  return values.set(open, deviceId.slice(from));
}

function parseCertificate(
  text: string,
  names: readonly string[],
  forms: readonly IdForm[],
): (values: Values) => string | undefined {
  try {
    const [product, connection, ...key] = splitSegments(text);
    const form = forms.find(({ prefix }) => prefix === product);
    if (form === undefined) {
      const known = forms.map(({ prefix }) => prefix).join(", ");
      throw createSegmentError("product", `expected one of ${known}`, product);
    }
    if (connection === undefined) throw createSegmentError("connection", "is missing");
    if (!form.connections.includes(connection)) {
      const known = form.connections.join(", ") || "none";
      const expectation = `expected one configured for ${product} (${known})`;
      throw createSegmentError("connection", expectation, connection);
    }
    // Names stand for texts that nobody knows yet: only what has none can be checked now.
    readKey(
      form.key.map((segment, index) =>
        key[index]?.includes("{") ? { name: segment.name } : segment,
      ),
      key,
    );
    const templates = form.key.map((segment, index) => ({
      segment,
      pieces: parsePieces("certificate", key[index] ?? "").map((piece) =>
        "literal" in piece ? { literal: decodeSegment(segment.name, piece.literal) } : piece,
      ),
    }));
    const unknown = templates
      .flatMap(({ pieces }) => namesOf(pieces))
      .find((name) => !names.includes(name));
    if (unknown !== undefined) {
      const known = names.map((name) => `{${name}}`).join(", ") || "none";
      throw new PatternError(
        "certificate",
        `has {${unknown}}, which device does not have (${known})`,
      );
    }
    return (values) => fill(product, connection, templates, values);
  } catch (error) {
    if (error instanceof CertificateIdError) throw new PatternError("certificate", error.message);
    throw error;
  }
}

interface SegmentTemplate {
  readonly segment: SegmentForm;
  readonly pieces: readonly Piece[];
}

/** `undefined` where the values make no id of this product: then the device is of another kind. */
function fill(
  product: string,
  connection: string,
  templates: readonly SegmentTemplate[],
  values: Values,
): string | undefined {
  try {
    const key = templates.map(({ segment, pieces }) => {
      const texts = pieces.map((piece) =>
        "literal" in piece ? piece.literal : (values.get(piece.name) ?? ""),
      );
      return checkSegment(segment, texts.join(""));
    });
    return joinSegments(product, connection, key);
  } catch (error) {
    if (error instanceof CertificateIdError) return undefined;
    throw error;
  }
}

// The names of an X.509 certificate as RFC 4514 writes them, from what node:crypto prints.

/** One of the attributes of a relative name, which `+` separates unless it is escaped. */
const ATTRIBUTE = /(?:\\.|[^+\\])+/gs;

/** An attribute whose type has no short name. */
const DOTTED_TYPE = /^(\d+(?:\.\d+)+)=/;

/**
 * The relative distinguished names, most specific first. node:crypto has one a line in the encoded order,
 * with the escapes of RFC 2253, and " + " within a multi-valued one. `values` are those of `readNameValues`:
 * RFC 4514 writes a type without a short name with its value in hexadecimal, which node:crypto does not.
 */
export function toRfc4514(name: string | undefined, values: readonly Buffer[]): string[] {
  if (!name) return [];
  let position = 0;
  return name
    .split("\n")
    .map((line) =>
      line.replaceAll(" + ", "+").replace(ATTRIBUTE, (attribute) => {
        const value = values[position];
        position += 1;
        const [, type] = DOTTED_TYPE.exec(attribute) ?? [];
        return type === undefined || value === undefined
          ? attribute
          : `${type}=#${value.toString("hex").toUpperCase()}`;
      }),
    )
    .reverse();
}

/** The value of the first attribute of this type, without escapes. */
export function findAttribute(names: readonly string[], type: string): string | null {
  for (const name of names) {
    for (const attribute of name.match(ATTRIBUTE) ?? []) {
      if (attribute.startsWith(`${type}=`)) return unescapeValue(attribute.slice(type.length + 1));
    }
  }
  return null;
}

function unescapeValue(value: string): string {
  return value.replace(/\\(?:([0-9A-Fa-f]{2})|(.))/g, (_, hex: string | undefined, character) =>
    hex === undefined ? character : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

/** The encoded values of all attributes of both names, in the encoded order. The certificate must be readable. */
export function readNameValues(certificate: Buffer): { subject: Buffer[]; issuer: Buffer[] } {
  const [content] = readElements(readElements(certificate)[0]?.content);
  const fields = readElements(content?.content).filter(({ tag }) => tag !== EXPLICIT_VERSION);
  const [, , issuer, , subject] = fields;
  return { subject: readValues(subject), issuer: readValues(issuer) };
}

const EXPLICIT_VERSION = 0xa0;

/** A DER element: tag, length, content. */
interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly encoded: Buffer;
}

function readValues(name: Element | undefined): Buffer[] {
  return readElements(name?.content)
    .flatMap((relativeName) => readElements(relativeName.content))
    .flatMap((attribute) => readElements(attribute.content)[1]?.encoded ?? []);
}

function readElements(der: Buffer = Buffer.alloc(0)): Element[] {
  const elements: Element[] = [];
  for (let start = 0; start + 2 <= der.length; ) {
    const first = der.readUInt8(start + 1);
    const lengthBytes = first > 0x80 ? first - 0x80 : 0;
    const from = start + 2 + lengthBytes;
    if (lengthBytes > 4 || from > der.length) break;
    const length = lengthBytes === 0 ? first : der.readUIntBE(start + 2, lengthBytes);
    const end = from + length;
    const content = der.subarray(from, end);
    elements.push({ tag: der.readUInt8(start), content, encoded: der.subarray(start, end) });
    start = end;
  }
  return elements;
}

// The shapes that a planted secret may take on its way out.

/** The secret itself, and as base64, hexadecimal, in a URL, and escaped character by character. */
export function listForms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // Base64 looks different for each of three positions in a longer text; what all three share is inside.
  const base64 = [0, 1, 2].map((offset) =>
    Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .slice(offset === 0 ? 0 : 4, -4),
  );
  const escapeAll = (prefix: string, digits: number) =>
    [...bytes].map((byte) => prefix + byte.toString(16).padStart(digits, "0")).join("");
  return [
    secret,
    ...base64,
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    escapeAll("%", 2),
    escapeAll("\\u", 4),
    [...secret].reverse().join(""),
  ];
}

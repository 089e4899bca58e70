// Lets ${NAME} stand without quotes inside { } and [ ], where YAML would take its braces for a mapping.

// Characters that YAML reads as structure, and private ones that it reads as plain text. One for one, so that
// columns stay right. Nothing is replaced by a value here: that happens in each text after parsing.
const STRUCTURE = "{}[],:# ";
const PLAIN = "\uE0F0\uE0F1\uE0F2\uE0F3\uE0F4\uE0F5\uE0F6\uE0F7";
const EACH_STRUCTURE = /[{}[\],:# ]/g;
const EACH_PLAIN = /[\uE0F0-\uE0F7]/g;
// No quotes or backslashes: where one stands inside the reference, YAML's own rules must see it.
const REFERENCE = /\$\{[^{}"'\\\r\n]*\}/g;

/** A text whose references the YAML parser takes for plain text. */
export interface ProtectedText {
  readonly text: string;
  /** Gives a parsed key or value its references back. */
  readonly restore: (parsed: string) => string;
}

export function protectReferences(text: string): ProtectedText {
  // A file that uses the private characters itself must put such references in quotes, as plain YAML wants it.
  if (text.search(EACH_PLAIN) >= 0) return { text, restore: (parsed) => parsed };
  return {
    text: text.replaceAll(REFERENCE, (reference) =>
      reference.replaceAll(EACH_STRUCTURE, (found) => PLAIN.charAt(STRUCTURE.indexOf(found))),
    ),
    restore: (parsed) =>
      parsed.replaceAll(EACH_PLAIN, (found) => STRUCTURE.charAt(PLAIN.indexOf(found))),
  };
}

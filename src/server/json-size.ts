// Measures JSON before it is parsed: objects cost about a hundred times the bytes that describe them.
import { Refusal } from "./refusal.ts";

export interface JsonLimits {
  readonly variableDepth: number;
  readonly variableValues: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Throws where there are more levels or values than allowed. What is no JSON passes: parsing will tell. */
export function checkJsonSize(json: Buffer, { variableDepth, variableValues }: JsonLimits): void {
  let depth = 0;
  let values = 1;
  for (let index = 0; index < json.length; index += 1) {
    switch (json[index]) {
      case QUOTE:
        index = findEndOfText(json, index);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        values += 1;
        if (depth > variableDepth) {
          const message = `The request's JSON has more than ${variableDepth} levels.`;
          throw new Refusal("variables", message, variableDepth);
        }
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        depth -= 1;
        break;
      case COMMA:
        values += 1;
        break;
    }
    if (values > variableValues) {
      const message = `The request's JSON has more than ${variableValues} values.`;
      throw new Refusal("variables", message, variableValues);
    }
  }
}

/** The index of the closing quote, or of the last byte where there is none. */
function findEndOfText(json: Buffer, start: number): number {
  let end = json.indexOf(QUOTE, start + 1);
  while (end !== -1 && isEscaped(json, end)) end = json.indexOf(QUOTE, end + 1);
  return end === -1 ? json.length - 1 : end;
}

function isEscaped(json: Buffer, quote: number): boolean {
  let backslashes = 0;
  while (json[quote - 1 - backslashes] === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

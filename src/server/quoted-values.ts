// Takes the caller's own values out of messages: somebody may have put a key where it does not belong.

/** The texts in which GraphQL quotes what it was given, and what stands for each instead. */
const QUOTATIONS: readonly (readonly [RegExp, string])[] = [
  // Variable "$recipient" got invalid value { … }; String cannot represent …
  [/^(Variable "\$\w+" got) invalid value .*$/s, "$1 an invalid value"],
  // String cannot represent a non string value: { … }
  [/ cannot represent (a )?(non[ -]\w+ )?value: .*$/s, " cannot represent this value"],
  // Expected value of type "String!", found { … }.
  [/^(Expected value of type "[^"]*"), found .*$/s, "$1"],
  // Syntax Error: Expected Name, found String "…".
  [/, found (String|BlockString) .*$/s, ", found $1"],
];

export function withoutQuotedValues(message: string): string {
  return QUOTATIONS.reduce(
    (text, [quotation, instead]) => text.replace(quotation, instead),
    message,
  );
}

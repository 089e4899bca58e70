// The GraphQL enum CloudProvider. Its values come from the products that the process is started with.
import { registerEnumType } from "type-graphql";

export const CloudProvider: Record<string, string> = {};
const valuesConfig: Record<string, { description: string }> = {};

registerEnumType(CloudProvider, {
  name: "CloudProvider",
  description: "The cloud that holds a certificate.",
  valuesConfig,
});

interface NamedCloud {
  /** The value of the enum. */
  readonly provider: string;
  /** For people. */
  readonly title: string;
}

/** Makes a cloud a value of the enum. Must come before the schema is built. */
export function registerCloud({ provider, title }: NamedCloud): void {
  CloudProvider[provider] = provider;
  valuesConfig[provider] = { description: `${title}.` };
}

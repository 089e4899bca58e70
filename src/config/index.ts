export { ConfigError } from "./config-error.ts";
export type { ConfigurableProduct, ConnectionConfig } from "./connections.ts";
export { toConfigJsonSchema } from "./json-schema.ts";
export { loadConfig, loadSchemaConfig, type SchemaConfig } from "./load.ts";
export { type Config, createConfigSchema } from "./schema.ts";
export type { Environment } from "./substitution.ts";

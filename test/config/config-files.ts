// Writes configuration files for tests into a folder that is gone when the test file ends.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { type Config, ConfigError, type Environment, loadConfig } from "../../src/config/index.ts";
import { products as madeUpProducts } from "./products.ts";

export const TAKEN_TYPE_NAMES: ReadonlySet<string> = new Set([
  "Query",
  "DeviceCertificate",
  "TencentTag",
]);

/** The least that is a configuration. */
export const MINIMAL = `connections:
  - cloud: tencent
    region: ap-guangzhou
    credentials: { source: chain }
`;

export interface ConfigFiles {
  /** Writes a file beside the configuration and answers its path. */
  write(name: string, content: string | Uint8Array): Promise<string>;
  load(yaml: string, env?: Environment): Promise<Config>;
  /** The report on a configuration that must be wrong. */
  refuse(yaml: string, env?: Environment): Promise<ConfigError>;
}

export function createConfigFiles(products = madeUpProducts): ConfigFiles {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "config-test-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const write = async (name: string, content: string | Uint8Array) => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };
  const load = async (yaml: string, env: Environment = {}) =>
    loadConfig(await write("config.yaml", yaml), {
      products,
      takenTypeNames: TAKEN_TYPE_NAMES,
      env,
    });
  return { write, load, refuse: (yaml, env) => toRefusal(load(yaml, env)) };
}

/** The `ConfigError` that a load must end with. */
export async function toRefusal(loading: Promise<Config>): Promise<ConfigError> {
  try {
    await loading;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("The configuration was accepted, and should have been refused.");
}

/** The problems as `path: message`, without lines. */
export function toLines({ problems }: ConfigError): string[] {
  return problems.map(({ path, message }) => `${path}: ${message}`);
}

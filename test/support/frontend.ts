// A frontend as docs/frontends.md describes it: its TypeScript blocks as files, beside what `npm run codegen` generates.
import { spawnSync } from "node:child_process";
import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** Where codegen.yml puts what it generates; below it, modules are found as anywhere in this repository. */
const GENERATED = join(ROOT, "test/operations/generated");
const FOLDER = join(GENERATED, "frontend");

/** What a frontend is compiled with: as strict as this repository, with the types of a browser. */
const TSCONFIG = {
  extends: "../../../../tsconfig.json",
  compilerOptions: {
    lib: ["ES2024", "DOM"],
    types: [],
    module: "ESNext",
    moduleResolution: "Bundler",
    resolveJsonModule: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: false,
  },
  include: ["."],
  // The repository's own compilation leaves this folder out.
  exclude: [],
};

export interface Frontend {
  /** The names of its files. */
  readonly files: readonly string[];
  /** What the compiler says; empty when it is content. */
  compile(): string;
  /** Adds a file. */
  write(name: string, source: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** The address of a file, to be imported. */
  locate(name: string): string;
}

/** Generates and writes it anew. One test file alone may do so. */
export async function writeFrontend(page: string): Promise<Frontend> {
  await rm(GENERATED, { recursive: true, force: true });
  const generation = run("@graphql-codegen/cli/esm/bin.js", "--config", "codegen.yml");
  if (generation.status !== 0) throw new Error(`npm run codegen failed: ${generation.output}`);
  await mkdir(FOLDER, { recursive: true });
  const write = (name: string, source: string) => writeFile(join(FOLDER, name), source);
  for (const name of ["supergraph.ts", "subgraph.ts", "schema.ts", "possible-types.ts"])
    await cp(join(GENERATED, name), join(FOLDER, "generated", name));
  await cp(join(ROOT, "schema/possible-types.json"), join(FOLDER, "possible-types.json"));
  await write("tsconfig.json", JSON.stringify(TSCONFIG));

  const blocks = [...page.matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```$/gms)];
  for (const [, name = "", source = ""] of blocks) await write(name, source);
  return {
    files: blocks.map(([, name = ""]) => name),
    compile: () => run("typescript/bin/tsc", "-p", FOLDER, "--pretty", "false").output,
    write,
    remove: (name) => rm(join(FOLDER, name)),
    locate: (name) => pathToFileURL(join(FOLDER, name)).href,
  };
}

/** Runs a program that a package brings. */
function run(program: string, ...args: readonly string[]) {
  const file = join(ROOT, "node_modules", program);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}

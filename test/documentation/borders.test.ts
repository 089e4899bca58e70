// The borders of docs/architecture.md are lint rules: each is crossed here once, in a folder of its own.
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT, readText } from "./pages.ts";

interface Crossing {
  readonly file: string;
  readonly code: string;
  /** What the rule says; `null` where the import is allowed. */
  readonly message: RegExp | null;
}

const CROSSINGS: readonly Crossing[] = [
  crossing("retrieval/any.ts", "../providers/aliyun/iot/index.ts", /serves every cloud/),
  crossing("secrets/any.ts", "../providers/aliyun/iot/index.ts", /serves every cloud/),
  crossing("quota/any.ts", "../providers/caller.ts", /serves every cloud/),
  crossing("device-certificate/any.ts", "../providers/tencent/cloud.ts", /serves every cloud/),
  crossing("device-certificate/product.ts", "../providers/tencent/cloud.ts", /names no cloud/),
  crossing("device-certificate/product.ts", "../providers/transport.ts", null),
  crossing("providers/any.ts", "./tencent/mqtt/client.ts", /only a product's index.ts/),
  crossing("providers/any.ts", "./tencent/cloud.ts", /only a product's index.ts/),
  crossing("providers/any.ts", "./tencent/mqtt/index.ts", null),
  crossing("providers/any.ts", "../quota/quota.ts", null),
  crossing("providers/tencent/any.ts", "./mqtt/index.ts", /neither a product nor another cloud/),
  crossing("providers/tencent/any.ts", "../aliyun/cloud.ts", /neither a product nor another cloud/),
  crossing("providers/tencent/any.ts", "../answer.ts", null),
  crossing("providers/tencent/mqtt/any.ts", "../ssl/index.ts", /knows no sibling/),
  crossing("providers/tencent/mqtt/any.ts", "../../aliyun/mqtt/index.ts", /knows no sibling/),
  crossing("providers/tencent/mqtt/any.ts", "../../../emulator/index.ts", /emulator is for/),
  crossing("providers/tencent/mqtt/any.ts", "../../../quota/quota.ts", null),
  crossing("providers/tencent/mqtt/any.ts", "../cloud.ts", null),
  crossing("certificate-id/any.ts", "../errors.ts", /nothing outside/),
  crossing("certificate-id/any.ts", "graphql", /nothing outside/),
  crossing("certificate-id/any.ts", "node:buffer", /nothing outside/),
  crossing("certificate-id/any.ts", "./text.ts", null),
  crossing("server/any.ts", "../emulator/index.ts", /emulator is for development/),
  crossing("server/any.ts", "../providers/tencent/mqtt/client.ts", /import its index.ts/),
  crossing("server/any.ts", "../providers/tencent/cloud.ts", /import its index.ts/),
  crossing("server/any.ts", "../providers/tencent/mqtt/index.ts", null),
  crossing("server/any.ts", "../providers/connect.ts", null),
  crossing("emulator/any.ts", "../errors.ts", null),
  environment("server/any.ts", /Only src\/config reads/),
  environment("emulator/any.ts", /Only src\/config reads/),
  environment("config/any.ts", null),
  environment("main.ts", null),
  environment("print-schema.ts", null),
  environment("providers/transport.ts", null),
];

function crossing(file: string, target: string, message: RegExp | null): Crossing {
  return { file, code: `import { any } from "${target}";`, message };
}

function environment(file: string, message: RegExp | null): Crossing {
  return { file, code: 'export const home = process.env["HOME"];', message };
}

let folder: string;
/** Messages by file and line. */
let found: Map<string, string>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "borders-"));
  const config = JSON.parse(readText("biome.json"));
  await writeFile(join(folder, "biome.json"), JSON.stringify({ ...config, vcs: undefined }));
  await cp(join(ROOT, "scripts"), join(folder, "scripts"), { recursive: true });
  for (const [file, lines] of Map.groupBy(CROSSINGS, (each) => each.file)) {
    const path = join(folder, "src", file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, lines.map(({ code }) => `${code}\n`).join(""));
  }
  found = await lint();
});

afterAll(() => rm(folder, { recursive: true }));

async function lint(): Promise<Map<string, string>> {
  const biome = join(ROOT, "node_modules/.bin/biome");
  const args = ["lint", "--reporter=json", "--max-diagnostics=none"];
  const output = await new Promise<string>((resolve) => {
    // Its exit status says that there are errors, which is what is wanted here.
    execFile(biome, args, { cwd: folder }, (_error, stdout) => resolve(stdout));
  });
  const report: {
    diagnostics: {
      category: string;
      message: string;
      location: { path: string; start: { line: number } };
    }[];
  } = JSON.parse(output);
  return new Map(
    report.diagnostics
      .filter(({ category }) => /^plugin$|noRestrictedImports/.test(category))
      .map(({ message, location: { path, start } }) => [`${path}:${start.line}`, message]),
  );
}

function findMessage({ file, code }: Crossing): string | undefined {
  const lines = CROSSINGS.filter((each) => each.file === file).map((each) => each.code);
  return found.get(`src/${file}:${lines.indexOf(code) + 1}`);
}

describe("the lint rules", () => {
  it.each(CROSSINGS.filter(({ message }) => message !== null))(
    "stop $code in $file with an explanation",
    (each) => {
      expect(findMessage(each)).toMatch(each.message ?? "");
    },
  );

  it.each(CROSSINGS.filter(({ message }) => message === null))(
    "let $code pass in $file",
    (each) => {
      expect(findMessage(each)).toBeUndefined();
    },
  );
});

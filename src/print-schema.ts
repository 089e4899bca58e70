// `npm run schema`: writes the generated files of schema/, or with --check fails when they have drifted.
import "reflect-metadata";
import { readFile, writeFile } from "node:fs/promises";
import { toConfigJsonSchema } from "./config/index.ts";
import { products } from "./providers/index.ts";
import { createSchema } from "./schema.ts";

const folder = new URL("../schema/", import.meta.url);
const isCheck = process.argv.includes("--check");

const { sdl } = await createSchema({ products });
const generated = {
  "device-certificates.graphql": sdl,
  "config.schema.json": `${JSON.stringify(toConfigJsonSchema(products), null, 2)}\n`,
};

for (const [name, content] of Object.entries(generated)) {
  const file = new URL(name, folder);
  if (!isCheck) {
    await writeFile(file, content);
    process.stdout.write(`schema/${name} written\n`);
  } else if ((await readFile(file, "utf8").catch(() => "")) !== content) {
    process.stderr.write(`schema/${name} has drifted from the code: run npm run schema\n`);
    process.exitCode = 1;
  }
}

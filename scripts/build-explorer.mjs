// Part of `npm run build`: bundles explorer/ into dist/explorer/, unless what is there is newer than its sources.
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** Written last: a bundle that was interrupted is made again. */
const STAMP = "dist/.explorer-built";
const SOURCES = ["package.json", "scripts/build-explorer.mjs", "explorer", "test/operations"];

if (isStale()) {
  if (isInstalled("graphiql")) await buildExplorer();
  else console.error("GraphiQL is not installed: server.explorer has no page before npm ci.");
}

function isStale() {
  const built = timeOf(STAMP);
  return SOURCES.flatMap(filesOf).some((path) => timeOf(path) > built);
}

function isInstalled(name) {
  return statSync(join(root, "node_modules", name), { throwIfNoEntry: false }) !== undefined;
}

async function buildExplorer() {
  const { build } = await import("vite");
  await build({
    configFile: false,
    root: join(root, "explorer"),
    base: "/graphql/explorer/",
    // React's "use client" marks in its libraries are warned about by the hundred.
    logLevel: "error",
    build: {
      outDir: join(root, "dist/explorer"),
      emptyOutDir: true,
      // As files, so that the page's policy can do without `data:` for all but what libraries bring inline.
      assetsInlineLimit: 0,
      target: "es2024",
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
      chunkSizeWarningLimit: Number.POSITIVE_INFINITY,
    },
  });
  writeFileSync(join(root, STAMP), "");
}

/** Of a folder those that stand in it itself: below the operations, tests write what they generate. */
function filesOf(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  const entries = readdirSync(join(root, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(path, name));
}

function timeOf(path) {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

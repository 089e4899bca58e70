import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// biome-ignore lint/style/noDefaultExport: vitest reads its configuration from the default export
export default defineConfig({
  resolve: {
    // graphql must exist once: Vite would take its ES module build, Node takes the CommonJS one.
    alias: [{ find: /^graphql$/, replacement: fileURLToPath(import.meta.resolve("graphql")) }],
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/prepare.ts",
    setupFiles: "test/support/output-watch.ts",
    // Most tests wait for clouds and quotas, not for the processor.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
});

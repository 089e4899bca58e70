// The options of Node.js that the process wants are written where each start is described: they must say the same.
import { describe, expect, it } from "vitest";
import { readText } from "./pages.ts";

const OPTIONS = /--max-semi-space-size=\d+\W+--initial-old-space-size=\d+/g;

describe("the options of Node.js", () => {
  it.each(["package.json", "Dockerfile", "docs/operating.md", "bench/graphql-path.ts"])(
    "are in %s what they are everywhere",
    (file) => {
      const found = readText(file).match(OPTIONS) ?? [];
      expect(found.map((options) => options.match(/[a-z-]+=\d+/g))).toEqual([
        ["--max-semi-space-size=8", "--initial-old-space-size=96"],
      ]);
    },
  );
});

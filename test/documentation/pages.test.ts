import "reflect-metadata";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ERROR_CODES } from "../../src/errors.ts";
import { products } from "../../src/providers/index.ts";
import { findCodeSpans, findFileLinks, listFiles, ROOT, readPages, readText } from "./pages.ts";

const pages = readPages();
const readme = readText("README.md");
const { scripts }: { scripts: Record<string, string> } = JSON.parse(readText("package.json"));
const sources = listFiles("src/**/*.ts").map(readText).join("\n");
const manifest = readText("package.json");

describe("every page", () => {
  it.each(pages)("$path links to files that exist", (page) => {
    expect(findFileLinks(page).filter((target) => !existsSync(join(ROOT, target)))).toEqual([]);
  });

  it.each(pages)("$path names files and folders that exist", (page) => {
    const named = findCodeSpans(page)
      .filter((code) => /^(?:src|test|docs|schema|scripts|bench)\/[\w./-]+$/.test(code))
      .filter((path) => !/(?:^|\/)hooli/.test(path));
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each(pages)("$path names npm scripts that exist", ({ text }) => {
    const named = [...text.matchAll(/\bnpm run (?:--silent )?([\w:]+)/g)].map(([, name]) => name);
    const short = [...text.matchAll(/\bnpm (start|test)\b/g)].map(([, name]) => name);
    expect([...named, ...short].filter((name) => !Object.hasOwn(scripts, name ?? ""))).toEqual([]);
  });

  it.each(pages)("$path names environment variables that the sources read", (page) => {
    const named = findCodeSpans(page)
      .filter((code) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(code))
      .filter((name) => !Object.hasOwn(ERROR_CODES, name));
    expect(named.filter((name) => !sources.includes(name))).toEqual(
      // Codes of Apollo Server, which docs/errors.md names as not ours, and an example's enum value.
      named.filter((name) => /^(?:GRAPHQL_(?:PARSE|VALIDATION)_FAILED|HOOLI_CLOUD)$/.test(name)),
    );
  });

  it.each(pages)("$path names metrics that exist", ({ text }) => {
    const named = text.match(/\bdevice_certificates_\w+/g) ?? [];
    const metrics = readText("src/server/metrics.ts");
    expect(named.filter((name) => !metrics.includes(`"${name}"`))).toEqual([]);
  });

  it.each(pages)("$path mentions no path of anybody's machine", ({ text }) => {
    expect(text).not.toMatch(/(?<![\w.}/:-])\/(?:home|root|Users|work|tmp|var|opt|mnt)\//);
  });
});

describe("README.md", () => {
  it("has the two commands, alone on their lines", () => {
    expect(readme.split("\n")).toEqual(
      expect.arrayContaining(["npm ci && npm run demo", "npm ci && npm test"]),
    );
  });

  it("shows the form of every product's ids", () => {
    for (const { prefix, key } of products) {
      const segments = key.map(({ name }) => `<${name}>`);
      expect(readme).toContain(`\`${[prefix, "<connection>", ...segments].join(":")}\``);
    }
  });

  it("shows the query that the demo sends", () => {
    const query = /^const QUERY = `(.*?)`;/ms.exec(readText("src/emulator/demo.ts"))?.[1];
    expect(readme).toContain(`\`\`\`graphql\n${query}\n\`\`\``);
  });

  it("asks for the Node version that package.json asks for", () => {
    const required = /"node": ">=(\d+\.\d+)\.\d+"/.exec(manifest)?.[1];
    expect(readme).toContain(`Node ${required} or newer`);
  });
});

describe("docs/operating.md", () => {
  it("has every metric of our own, with its labels", () => {
    const page = readText("docs/operating.md");
    const metrics = readText("src/server/metrics.ts");
    const defined = [
      ...metrics.matchAll(/name: "(device_certificates_\w+)".*?labelNames: \[(.*?)\]/gs),
    ];
    expect(defined.length).toBeGreaterThan(0);
    for (const [, name = "", labels = ""] of defined) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\``));
      expect(row, name).toBeDefined();
      for (const [, label] of labels.matchAll(/"(\w+)"/g)) expect(row).toContain(`\`${label}\``);
    }
  });
});

describe("the page of every product", () => {
  it.each(products)("$prefix has its limits and their pages", ({ prefix, limits }) => {
    const page = readText(`src/providers/${prefix.replace("-", "/")}/README.md`);
    for (const { action, callsPerSecond, documentation, perSourceAddress } of limits) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${action}\` `));
      expect(row).toMatch(new RegExp(`\\| ${callsPerSecond} +\\|`));
      expect(page).toContain(`(${documentation})`);
      if (perSourceAddress) expect(page).toContain(`| ${perSourceAddress.callsPerSecond} `);
    }
  });
});

describe("docs/decisions", () => {
  it("lists every decision", () => {
    const index = readText("docs/decisions/README.md");
    for (const path of listFiles("docs/decisions/*.md")) {
      const name = path.replace("docs/decisions/", "");
      if (name !== "README.md") expect(index).toContain(`](${name})`);
    }
  });

  it("names the install scripts that package.json decides on", () => {
    const { allowScripts }: { allowScripts: Record<string, boolean> } = JSON.parse(manifest);
    const page = readText("docs/decisions/install-scripts.md");
    for (const [name, isAllowed] of Object.entries(allowScripts)) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\``));
      expect(row).toMatch(isAllowed ? /\| yes +\|$/ : /\| no +\|$/);
    }
  });
});

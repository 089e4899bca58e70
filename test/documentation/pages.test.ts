import "reflect-metadata";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { products } from "../../src/providers/index.ts";
import { REFUSALS } from "../../src/server/refusal.ts";
import {
  findCodeSpans,
  findFileLinks,
  listFiles,
  type Page,
  ROOT,
  readPages,
  readText,
} from "./pages.ts";

const pages = readPages();
const readme = readText("README.md");
const manifest = readText("package.json");
const { scripts }: { scripts: Record<string, string> } = JSON.parse(manifest);
const sources = ["src", "examples"]
  .flatMap((folder) => listFiles(folder, ".ts"))
  .map(readText)
  .join("\n");

/** What a page says and does not hold, as `docs/page.md: what`. */
function collect(find: (page: Page) => readonly string[]): string[] {
  return pages.flatMap((page) => find(page).map((mistake) => `${page.path}: ${mistake}`));
}

describe("every page", () => {
  it("is found", () => {
    const paths = pages.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining(["README.md", "docs/errors.md", "docs/decisions/README.md"]),
    );
  });

  it("links to files that exist", () => {
    const broken = collect((page) =>
      findFileLinks(page).filter((target) => !existsSync(join(ROOT, target))),
    );
    expect(broken).toEqual([]);
  });

  it("names files and folders that exist", () => {
    const unknown = collect((page) =>
      findCodeSpans(page)
        .filter((code) =>
          /^(?:src|test|docs|schema|scripts|bench|examples|deploy)\/[\w./-]+$/.test(code),
        )
        // The made-up cloud of docs/adding-a-cloud.md.
        .filter((path) => !path.includes("/hooli"))
        .filter((path) => !existsSync(join(ROOT, path))),
    );
    expect(unknown).toEqual([]);
  });

  it("names npm scripts that exist", () => {
    const unknown = collect(({ text }) =>
      [...text.matchAll(/\bnpm (?:run (?:--silent )?([\w:]+)|(start|test)\b)/g)]
        .map(([, long, short]) => long ?? short ?? "")
        .filter((name) => !Object.hasOwn(scripts, name)),
    );
    expect(unknown).toEqual([]);
  });

  it("names environment variables that the sources read", () => {
    const isElsewhere =
      /^(?:GRAPHQL_(?:PARSE|VALIDATION)_FAILED|OPERATION_RESOLUTION_FAILURE|PERSISTED_QUERY_NOT_SUPPORTED|HOOLI_CLOUD)$/;
    const unknown = collect((page) =>
      findCodeSpans(page)
        .filter((code) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(code))
        .filter((name) => !isElsewhere.test(name) && !sources.includes(name)),
    );
    expect(unknown).toEqual([]);
  });

  it("names metrics that exist", () => {
    const metrics = readText("src/server/metrics.ts");
    const unknown = collect(({ text }) =>
      (text.match(/\bdevice_certificates_\w+/g) ?? []).filter(
        (name) => !metrics.includes(`"${name}"`),
      ),
    );
    expect(unknown).toEqual([]);
  });

  it("mentions no path of anybody's machine", () => {
    const machine = /(?<![\w.}/:-])\/(?:home|root|Users|work|tmp|opt|mnt)\/\S*/g;
    expect(collect(({ text }) => text.match(machine) ?? [])).toEqual([]);
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
    const query = /^const QUERY = `(.*?)`;/ms.exec(readText("examples/supergraph/demo.ts"))?.[1];
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
      ...metrics.matchAll(
        /name: "(device_certificates_\w+)"(?:(?!name: ").)*?labelNames: \[(.*?)\]/gs,
      ),
    ];
    expect(defined.length).toBeGreaterThan(0);
    for (const [, name = "", labels = ""] of defined) {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${name}\``));
      expect(row, name).toBeDefined();
      for (const [, label] of labels.matchAll(/"(\w+)"/g)) expect(row).toContain(`\`${label}\``);
    }
  });
});

describe("docs/operating.md, What is refused", () => {
  it("has every reason, with its status, its code and when", () => {
    const lines = readText("docs/operating.md").split("\n");
    const start = lines.findIndex((line) => /^\| reason +\| status/.test(line));
    const end = lines.findIndex((line, index) => index > start && !line.startsWith("|"));
    const rows = lines.slice(start + 2, end).map((line) => line.replace(/ +\|/g, " |"));
    const expected = Object.entries(REFUSALS).map(
      ([reason, { status, code, when }]) => `| \`${reason}\` | ${status} | \`${code}\` | ${when} |`,
    );
    expect(rows).toEqual(expected);
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
    for (const path of listFiles("docs/decisions", ".md")) {
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

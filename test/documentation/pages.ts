// The pages of this repository, as the documentation tests read them.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Page {
  /** From the root: `docs/errors.md`. */
  readonly path: string;
  readonly text: string;
}

/** Files that git knows or would add, so that nothing of node_modules is among them. */
export function listFiles(...patterns: readonly string[]): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...patterns];
  const listed = execFileSync("git", args, { cwd: ROOT, encoding: "utf8" });
  return [...new Set(listed.split("\n").filter(Boolean))].sort();
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Every Markdown page. */
export function readPages(): Page[] {
  return listFiles("*.md").map((path) => ({ path, text: readText(path) }));
}

/** The targets of a page's links to files, from the root. */
export function findFileLinks({ path, text }: Page): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^(?:[a-z]+:|#)/.test(target))
    .map((target) => join(dirname(path), target.replace(/#.*$/, "")));
}

/** What stands between backquotes outside of code blocks. */
export function findCodeSpans({ text }: Page): string[] {
  const prose = text.replaceAll(/^```.*?^```/gms, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

// The pages of this repository, as the documentation tests read them.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git"]);

export interface Page {
  /** From the root: `docs/errors.md`. */
  readonly path: string;
  readonly text: string;
}

/** The files below a folder that end like this, from the root. */
export function listFiles(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return listFiles(path, ending);
      return path.endsWith(ending) ? [path] : [];
    });
}

export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** Every Markdown page. */
export function readPages(): Page[] {
  return listFiles(".", ".md").map((path) => ({ path, text: readText(path) }));
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

// GraphiQL for browsers at /graphql, from files that `npm run build` put into dist/explorer. Nothing of it comes from
// elsewhere, and nothing of it is secret: it is served before anybody is asked who they are, and the questions that it
// sends are asked like all others. Loaded only where `server.explorer` is true.
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { extname } from "node:path";
import type { Config } from "../config/index.ts";
import type { CertificateProduct } from "../device-certificate/product.ts";
import { StartError } from "../start-error.ts";
import type { Answer } from "./answer.ts";

export interface ExplorerOptions {
  readonly products: readonly CertificateProduct[];
  readonly auth: Config["auth"];
  /** Certificates that the example operations ask for; by default none, and the form of ids is shown instead. */
  readonly exampleIds?: readonly string[];
}

/** The same from src/server and from dist/server. */
const FOLDER = new URL("../../dist/explorer/", import.meta.url);
const PAGE = "index.html";
const FILES_PATH = "/graphql/explorer/";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".ttf": "font/ttf",
};

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  // The editor writes style attributes, and a library brings fonts inside of its style sheet.
  "style-src 'self' 'unsafe-inline'",
  "font-src 'self' data:",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** For all that is served here. */
const SAFETY = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const satisfies Answer["headers"];

/** Answers what belongs to the page; `undefined` is what it leaves to who comes next. */
export type Explorer = (request: IncomingMessage) => Promise<Answer | undefined>;

export async function createExplorer(options: ExplorerOptions): Promise<Explorer> {
  const names = await listFiles();
  const examples = JSON.stringify(toExamples(options));

  return async ({ method, url = "", headers }) => {
    if (method !== "GET" && method !== "HEAD") return undefined;
    const path = url.split("?", 1)[0] ?? "";
    if (path === "/graphql" && wantsPage(headers.accept)) {
      return readAnswer(PAGE, { vary: "accept" });
    }
    if (!path.startsWith(FILES_PATH)) return undefined;
    const name = path.slice(FILES_PATH.length);
    if (names.has(name)) return readAnswer(name);
    if (name !== "examples.json") return undefined;
    return toAnswer(examples, {
      "cache-control": "no-store",
      "content-type": "application/json; charset=utf-8",
    });
  };
}

async function listFiles(): Promise<ReadonlySet<string>> {
  const entries = await readdir(FOLDER, { recursive: true }).catch(() => []);
  const names = new Set(entries.filter((name) => extname(name) in CONTENT_TYPES));
  if (names.has(PAGE)) return names;
  throw new StartError(
    "server.explorer is true, but its files are missing: npm run build makes them",
  );
}

/** A browser that opens an address asks for HTML. Whoever can read JSON is asking GraphQL, even from a browser. */
function wantsPage(accept = ""): boolean {
  return /\btext\/html\b/.test(accept) && !/\bapplication\/(?:[\w.-]+\+)?json\b/.test(accept);
}

async function readAnswer(name: string, headers: Answer["headers"] = {}): Promise<Answer> {
  const content = await readFile(new URL(name, FOLDER));
  return toAnswer(content, {
    ...headers,
    // All names but the page's change with their content.
    "cache-control": name === PAGE ? "no-cache" : "public, max-age=31536000, immutable",
    "content-type": CONTENT_TYPES[extname(name)] ?? "",
  });
}

function toAnswer(body: string | Buffer, headers: Answer["headers"]): Answer {
  return { status: 200, headers: { ...headers, ...SAFETY }, body };
}

/** What the page shows in its tabs; the same names as in explorer/examples.ts. */
function toExamples({ products, auth, exampleIds = [] }: ExplorerOptions) {
  return {
    ids: exampleIds,
    // Not with the names of the connections: who opens the page may be anybody.
    idForms: products.map(({ prefix, key }) =>
      [prefix, "<connection>", ...key.map(({ name }) => `<${name}>`)].join(":"),
    ),
    headers: toHeaders(auth),
  };
}

/** The headers that this server knows its callers by, to be filled in. */
function toHeaders({ mode, gateway }: Config["auth"]): Readonly<Record<string, string>> {
  switch (mode) {
    case "none":
      return {};
    case "jwt":
      return { authorization: "Bearer " };
    case "gateway":
      return { [gateway.header]: "", [gateway.scopesHeader]: "device-certificate:read" };
  }
}

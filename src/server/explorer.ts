// GraphiQL for browsers at /graphql, from files that `npm run build` put into dist/explorer. Nothing of it comes from
// elsewhere, and nothing of it is secret: it is served before anybody is asked who they are, and the questions that it
// sends are asked like all others. Loaded only where `server.explorer` is true.
import { readdir, readFile } from "node:fs/promises";
import { extname } from "node:path";
import type { FastifyReply, onRequestAsyncHookHandler } from "fastify";
import type { Config } from "../config/index.ts";
import type { CertificateProduct } from "../device-certificate/product.ts";
import { StartError } from "../start-error.ts";

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

/** Answers what belongs to the page, and leaves everything else to who comes next. */
export async function createExplorer(options: ExplorerOptions): Promise<onRequestAsyncHookHandler> {
  const names = await listFiles();
  const examples = JSON.stringify(toExamples(options));

  return async ({ method, url, headers }, reply) => {
    if (method !== "GET" && method !== "HEAD") return;
    const path = url.split("?", 1)[0] ?? "";
    if (path === "/graphql" && wantsPage(headers.accept)) {
      reply.header("vary", "accept");
      return sendFile(reply, PAGE);
    }
    if (!path.startsWith(FILES_PATH)) return;
    const name = path.slice(FILES_PATH.length);
    if (names.has(name)) return sendFile(reply, name);
    if (name === "examples.json")
      return secure(reply)
        .header("cache-control", "no-store")
        .type("application/json; charset=utf-8")
        .send(examples);
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

async function sendFile(reply: FastifyReply, name: string): Promise<FastifyReply> {
  const content = await readFile(new URL(name, FOLDER));
  // All names but the page's change with their content.
  const caching = name === PAGE ? "no-cache" : "public, max-age=31536000, immutable";
  return secure(reply)
    .header("cache-control", caching)
    .type(CONTENT_TYPES[extname(name)] ?? "")
    .send(content);
}

function secure(reply: FastifyReply): FastifyReply {
  return reply
    .header("content-security-policy", CONTENT_SECURITY_POLICY)
    .header("x-content-type-options", "nosniff")
    .header("referrer-policy", "no-referrer")
    .header("cross-origin-opener-policy", "same-origin")
    .header("cross-origin-resource-policy", "same-origin");
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

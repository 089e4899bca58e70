// Sends GraphQL requests as no client library would, and reads the code of what comes back.
import type { TestSubgraph } from "../support/subgraph.ts";

export const JSON_TYPE = { "content-type": "application/json" };

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly code: unknown;
}

export async function send(
  { url }: TestSubgraph,
  path: string,
  init: RequestInit,
): Promise<Answer> {
  const response = await fetch(new URL(path, url), init);
  const text = await response.text();
  return { status: response.status, text, code: readCode(text) };
}

/** The code of the first error; the body must be JSON. */
function readCode(text: string): unknown {
  if (text === "") return undefined;
  const { errors }: { errors?: { extensions?: { code?: unknown } }[] } = JSON.parse(text);
  return errors?.[0]?.extensions?.code;
}

/** A text is sent as it is, anything else as JSON. */
export function post(
  subgraph: TestSubgraph,
  body: unknown,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
): Promise<Answer> {
  const sent = typeof body === "string" ? body : JSON.stringify(body);
  return send(subgraph, "/graphql", { method: "POST", headers, body: sent });
}

export function repeat(count: number, toText: (index: number) => string, separator = " "): string {
  return Array.from({ length: count }, (_, index) => toText(index)).join(separator);
}

export function nest(levels: number, open: string, inner: string, close: string): string {
  return open.repeat(levels) + inner + close.repeat(levels);
}

export const ONE = 'deviceCertificate(id: "x")';

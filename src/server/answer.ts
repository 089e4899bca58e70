// Answers over HTTP that are made whole before they are sent.
import type { ServerResponse } from "node:http";
import { JSON_TYPE, toRefusalBody } from "./refusal.ts";

export interface Answer {
  readonly status: number;
  /** By their names in lower case; the length of the body is not among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** In characters. Smaller texts are sent faster in one piece with their head. */
const LARGE = 16_384;

export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  // As bytes where it is large: it would be measured, joined to the head and encoded, each with a copy.
  const content = body.length > LARGE && typeof body === "string" ? Buffer.from(body) : body;
  const length = String(Buffer.byteLength(content));
  response.writeHead(status, { ...headers, "content-length": length }).end(content);
}

/** An answer that GraphQL has no part in. */
export function toRefusalAnswer(
  status: number,
  body: { readonly code: string; readonly message: string; readonly limit?: number | undefined },
  headers: Answer["headers"] = {},
): Answer {
  const { code, message, limit } = body;
  return {
    status,
    headers: { ...headers, "content-type": JSON_TYPE },
    body: toRefusalBody(code, message, limit),
  };
}

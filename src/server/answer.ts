// Answers over HTTP that are made whole before they are sent.
import type { ServerResponse } from "node:http";
import { JSON_TYPE, toRefusalBody } from "./refusal.ts";

export interface Answer {
  readonly status: number;
  /** By their names in lower case; the length of the body is not among them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** A text is sent in one piece with its head. */
export function sendAnswer(response: ServerResponse, { status, headers, body }: Answer): void {
  if (body === undefined) {
    response.writeHead(status, headers).end();
    return;
  }
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, { ...headers, "content-length": length }).end(body);
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

// Headers that must not be ambiguous: who reads the first of two and who reads the last would see different callers.
import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** The part of a request that tells who sends it. */
export type RequestHead = Pick<IncomingMessage, "headers" | "rawHeaders">;

/** The value of a header that was sent exactly once. `name` is in lower case. */
export function readOnce(head: RequestHead, name: string): string | undefined {
  const value = head.headers[name];
  return typeof value === "string" && countOf(head, name) === 1 ? value : undefined;
}

/** How often a header was sent: `headers` joins some that were repeated, and drops others. */
export function countOf({ rawHeaders }: RequestHead, name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === name) count += 1;
  }
  return count;
}

/** The id that whoever sent the request gave it in `x-request-id`, or a new one. */
export function toRequestId(head: RequestHead): string {
  const given = readOnce(head, "x-request-id");
  return given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID();
}

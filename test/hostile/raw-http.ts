// Writes bytes to a server that no HTTP client would write, and reads what comes back.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** All that came, when several answers did. */
  readonly all: string;
}

export async function openConnection(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname.replaceAll(/[[\]]/g, ""));
  // Being cut off is one of the answers.
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Writes the parts, with a turn of the event loop between them, and reads until the server closes. */
export async function sendRaw(
  url: string,
  ...parts: readonly (string | Buffer)[]
): Promise<RawAnswer> {
  const socket = await openConnection(url);
  const answer = text(socket).catch(() => "");
  for (const part of parts) {
    if (socket.writable) socket.write(part);
    await new Promise(setImmediate);
  }
  const all = await answer;
  socket.destroy();
  return toAnswer(all);
}

function toAnswer(all: string): RawAnswer {
  const end = all.indexOf("\r\n\r\n");
  const [first = "", ...lines] = all.slice(0, end).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = all.slice(end + 4, end + 4 + Number(headers["content-length"] ?? 0));
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1] ?? 0), headers, body, all };
}

/** A request to GraphQL as text; the connection ends with its answer. */
export function toPost(body: string, headers: readonly string[] = [], path = "/graphql"): string {
  return toRequest(`POST ${path} HTTP/1.1`, [
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    ...headers,
  ]).concat(body);
}

export function toRequest(first: string, headers: readonly string[] = []): string {
  return `${[first, "host: localhost", "connection: close", ...headers].join("\r\n")}\r\n\r\n`;
}

// HTTP and CONNECT servers on the loopback address for the tests of the wire.
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { type AddressInfo, connect, type Server as NetServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import type { HttpRequest } from "../../src/providers/transport.ts";

export interface ReceivedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface LoopbackServer {
  readonly origin: string;
  readonly port: number;
  readonly requests: ReceivedRequest[];
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>;
}

/** A server that notes each request and then answers; ends with the test. */
export async function startServer(answer: RequestListener): Promise<LoopbackServer> {
  const requests: ReceivedRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    requests.push(await toReceived(incoming));
    answer(incoming, outgoing);
  });
  return { ...(await listen(server)), requests };
}

/** A server that answers each request with the next of `answers`, and with the last one from then on. */
export async function startAnswering(
  ...answers: readonly { status?: number; headers?: Record<string, string>; body: unknown }[]
): Promise<LoopbackServer> {
  let next = 0;
  return startServer((_, response) => {
    const answer = answers[Math.min(next, answers.length - 1)];
    next += 1;
    response.writeHead(answer?.status ?? 200, answer?.headers);
    response.end(typeof answer?.body === "string" ? answer.body : JSON.stringify(answer?.body));
  });
}

export interface ConnectProxy extends LoopbackServer {
  /** Targets of the CONNECT requests. */
  readonly tunnels: string[];
  /** `Proxy-Authorization` of the CONNECT requests. */
  readonly authorizations: (string | undefined)[];
}

/** A proxy whose tunnels all end at `targetPort`, whatever host they name; without one it never answers CONNECT. */
export async function startConnectProxy({
  targetPort,
  refuseWith,
}: {
  readonly targetPort?: number;
  readonly refuseWith?: string;
}): Promise<ConnectProxy> {
  const tunnels: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const requests: ReceivedRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    requests.push(await toReceived(incoming));
    outgoing.end("from the proxy");
  });
  server.on("connect", (incoming, socket) => {
    tunnels.push(incoming.url ?? "");
    authorizations.push(incoming.headers["proxy-authorization"]);
    socket.on("error", () => {});
    socket.on("end", () => socket.destroy());
    if (refuseWith !== undefined) {
      socket.end(`HTTP/1.1 ${refuseWith}\r\nContent-Length: 0\r\n\r\n`);
    } else if (targetPort !== undefined) {
      const target = connect(targetPort, "127.0.0.1", () => {
        socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
        target.pipe(socket).pipe(target);
      });
      target.on("error", () => socket.destroy());
    }
  });
  return { ...(await listen(server)), tunnels, authorizations, requests };
}

/** Listens on a free port, and ends every connection when the test is over. */
export async function listen(
  server: Server | NetServer,
): Promise<Omit<LoopbackServer, "requests">> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on("connection", (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = toAddress(server);
  return { origin: `http://127.0.0.1:${port}`, port, connections: () => accepted, sockets };
}

export const GET: HttpRequest = { method: "GET", path: "/", headers: {} };

function toAddress(server: Server | NetServer): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Not listening on a port");
  return address;
}

async function toReceived(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
  const { method = "", url = "" } = incoming;
  return { method, url, headers, body: await text(incoming) };
}

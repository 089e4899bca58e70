// The sockets: one listener for each address of the host, all alike. What there is no time for, and
// what is no HTTP, is refused here, before it costs more than its head.
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { isIPv6, type Socket } from "node:net";
import type { Config } from "../config/index.ts";
import type { Admission } from "./admission.ts";
import { Connections, type DrainOptions } from "./drain.ts";
import type { Metrics } from "./metrics.ts";
import {
  JSON_TYPE,
  OVERLOAD_MESSAGE,
  REFUSALS,
  RETRY_AFTER_SECONDS,
  type RefusalReason,
  toRefusalBody,
} from "./refusal.ts";
import { dropBody } from "./request-body.ts";

export interface ListenersOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: Config["limits"];
  readonly admission: Pick<Admission, "isOpen" | "connected">;
  readonly onRequest: RequestListener;
  readonly metrics: Pick<Metrics, "onRefused">;
}

export interface Listeners {
  /** Of the first listener: `http://127.0.0.1:4001`. */
  readonly origin: string;
  /** Accepts no more, and resolves when all connections are gone. */
  end(options: DrainOptions): Promise<void>;
}

/** By RFC 6761; which of them a client tries first is its own affair. */
const LOCALHOST = ["127.0.0.1", "::1"];
/** How often slow requests are looked for. */
const SLOW_CHECK_MS = 1_000;

/** Rejects when an address cannot be listened on. */
export async function openListeners(options: ListenersOptions): Promise<Listeners> {
  const { host, port: wantedPort } = options;
  const [first = host, ...others] = host.toLowerCase() === "localhost" ? LOCALHOST : [host];
  const main = createListener(options);
  const connections = [new Connections(main)];
  const port = await listen(main, first, wantedPort);
  for (const address of others) {
    const server = createListener(options);
    connections.push(new Connections(server));
    await listen(server, address, port).catch(ignoreMissingFamily);
  }
  return {
    origin: toOrigin(first, port),
    end: async (drain) => {
      await Promise.all(connections.map((each) => each.end(drain)));
    },
  };
}

function createListener({ limits, admission, onRequest, metrics }: ListenersOptions): Server {
  const receiveMs = limits.receiveSeconds * 1000;
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: receiveMs,
    requestTimeout: receiveMs,
    keepAliveTimeout: limits.idleSeconds * 1000,
    connectionsCheckingInterval: SLOW_CHECK_MS,
  });
  server.maxConnections = limits.connections;
  const refused = new RefusedLine();
  const admit: RequestListener = (request, response) => {
    if (admission.isOpen) {
      onRequest(request, response);
      return;
    }
    metrics.onRefused("overload");
    request.once("end", () => refused.add(request.socket));
    refuseEarly(request, response, OVERLOAD);
  };
  server.on("connection", () => admission.connected());
  server.on("request", admit);
  // Who waits to be told to send its body is refused before it does.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (admission.isOpen) response.writeContinue();
    admit(request, response);
  });
  server.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
    metrics.onRefused("expectation");
    refuseEarly(request, response, EXPECTATION);
  });
  server.on("clientError", (error, socket: Socket) => refuseConnection(error, socket, metrics));
  server.on("drop", () => metrics.onRefused("connections"));
  return server;
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen({ host, port });
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listener without a port");
  return address.port;
}

function ignoreMissingFamily(error: unknown): void {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code !== "EADDRNOTAVAIL" && code !== "EAFNOSUPPORT") throw error;
}

/** An address that a client on this machine reaches it by. */
function toOrigin(host: string, port: number): string {
  const address = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  return `http://${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

interface EarlyRefusal {
  readonly status: number;
  readonly headers: string[];
  /** A text, so that Node sends it together with the head. */
  readonly body: string;
}

/** Under overload most answers are this one, so it is made once and given at a small part of the cost. */
const OVERLOAD = toEarlyRefusal("overload", OVERLOAD_MESSAGE, [
  "retry-after",
  String(RETRY_AFTER_SECONDS),
]);
const EXPECTATION = toEarlyRefusal("expectation", "Nothing but 100-continue can be expected.");

function toEarlyRefusal(
  reason: RefusalReason,
  message: string,
  more: readonly string[] = [],
): EarlyRefusal {
  const { status, code } = REFUSALS[reason];
  const body = toRefusalBody(code, message);
  const length = String(Buffer.byteLength(body));
  return { status, body, headers: ["content-type", JSON_TYPE, "content-length", length, ...more] };
}

function refuseEarly(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: EarlyRefusal,
): void {
  dropBody(request, response);
  response.writeHead(status, headers);
  response.end(body);
}

/** Connections that are read again in each round of the event loop, which does one admitted request. */
const READ_AGAIN_A_ROUND = 4;
/** More of them where rounds are long: to refuse takes some 70 µs, so that a fifth of the time goes there. */
const READ_AGAIN_A_MS = 3;
const MOST_READ_AGAIN = 250;

/**
 * Connections that were refused something, in line for being read again. Without it, clients that ask again at once
 * would make the event loop do nothing but refuse: it reads from all that have something before it goes round.
 */
class RefusedLine {
  #sockets: Socket[] = [];
  #lastAt = 0;

  /** To be called when the request that was refused has been read to its end. */
  add(socket: Socket): void {
    socket.pause();
    this.#sockets.push(socket);
    if (this.#sockets.length > 1) return;
    this.#lastAt = performance.now();
    setImmediate(this.#readAgain);
  }

  readonly #readAgain = (): void => {
    const now = performance.now();
    const byTime = Math.floor((now - this.#lastAt) * READ_AGAIN_A_MS);
    this.#lastAt = now;
    const count = Math.min(Math.max(byTime, READ_AGAIN_A_ROUND), MOST_READ_AGAIN);
    const next = this.#sockets.splice(0, count);
    for (const socket of next) socket.resume();
    if (this.#sockets.length > 0) setImmediate(this.#readAgain);
  };
}

/** Answers what never became a request. */
function refuseConnection(
  error: NodeJS.ErrnoException,
  socket: Socket,
  metrics: Pick<Metrics, "onRefused">,
): void {
  if (error.code === "ECONNRESET" || socket.destroyed) return;
  const reason = CONNECTION_REASONS[error.code ?? ""] ?? "malformed";
  metrics.onRefused(reason);
  const { status, code } = REFUSALS[reason];
  const body = toRefusalBody(code, "The request could not be read.");
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${JSON_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  if (socket.writable) socket.write(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon();
}

const CONNECTION_REASONS: Readonly<Record<string, RefusalReason>> = {
  ERR_HTTP_REQUEST_TIMEOUT: "slow",
  HPE_HEADER_OVERFLOW: "headers",
};

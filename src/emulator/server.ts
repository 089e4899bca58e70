// One emulated API on its own origin: network latency, arrival, faults, gateway, answer.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { createGzip } from "node:zlib";
import type { ApiName, CloudAnswer, CloudRequest, Gateway } from "./api.ts";
import type { ArrivedCall, CallRecorder } from "./call-log.ts";
import { type Fault, toListAnomaly, toRefusalReason, toWrongTypes } from "./faults.ts";
import { type RunningServer, readBody, startHttpServer } from "./http-server.ts";

export interface ApiServerOptions {
  readonly api: ApiName;
  readonly gateway: Gateway;
  readonly calls: CallRecorder;
  readonly port: number;
  /** Network latency, one way. */
  readonly latencyMs: number;
  /** How far each passage may be from `latencyMs`. */
  readonly jitterMs: number;
  /** The fault that is switched on. */
  readonly readFault: () => Fault | null;
  /** Numbers from 0 to 1. */
  readonly dice: () => number;
  /** The clock of the quotas. */
  readonly arrivalClock: () => number;
  /** What the `Date` header says. */
  readonly wallClock: () => number;
}

type HugeBody = Extract<Fault, { kind: "hugeBody" }>;

const HUGE_BODY_BYTES = 64 * 1024 * 1024;
const HUGE_CHUNK = "x".repeat(64 * 1024);
const DROP_BYTES = 16;
const DROP_EVERY_MS = 100;

const BAD_GATEWAY_PAGE = `<html>\r
<head><title>502 Bad Gateway</title></head>\r
<body><center><h1>502 Bad Gateway</h1></center></body>\r
</html>\r
`;

export async function startApiServer(options: ApiServerOptions): Promise<RunningServer> {
  const closing = new AbortController();
  const server = await startHttpServer((request, response) => {
    serve(options, closing.signal, request, response).catch((error: unknown) => {
      // The client went away, the emulator is closing, or the emulator has a bug: only the last can be told.
      if (response.destroyed || response.headersSent) response.destroy();
      else response.writeHead(500).end(`The emulator failed: ${String(error)}`);
    });
  }, options.port);
  return {
    origin: server.origin,
    close: async () => {
      closing.abort();
      await server.close();
    },
  };
}

async function serve(
  options: ApiServerOptions,
  closing: AbortSignal,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { api, gateway, calls, arrivalClock, wallClock } = options;
  response.setHeader("date", new Date(wallClock()).toUTCString());
  const body = await readBody(incoming);
  const fault = toHit(options, incoming);
  await travel(options, fault, closing);

  const request = toCloudRequest(incoming, body, arrivalClock());
  const call = calls.arrive({
    api,
    action: gateway.readAction(request),
    arrivedAtMs: request.arrivedAtMs,
    query: request.query,
    body,
  });
  if (fault !== null && (await breakTransport(fault, call, incoming, response))) return;

  const answer = toAnswer(options, fault, request);
  call.end(answer.code === null ? "granted" : "refused", answer.code, answer.isThrottled);
  await travel(options, fault, closing);
  await send(answer, fault, closing, response);
}

/** The fault, if it hits this call. */
function toHit(
  { gateway, readFault, dice }: ApiServerOptions,
  incoming: IncomingMessage,
): Fault | null {
  const fault = readFault();
  if (fault === null) return null;
  if (fault.action !== undefined) {
    const action = gateway.readAction(toCloudRequest(incoming, "", 0));
    if (action !== fault.action) return null;
  }
  return dice() < (fault.fraction ?? 1) ? fault : null;
}

/** One passage of the network. */
async function travel(
  { latencyMs, jitterMs, dice }: ApiServerOptions,
  fault: Fault | null,
  closing: AbortSignal,
): Promise<void> {
  const slow = fault?.kind === "slow" ? fault : { latencyMs: 0, jitterMs: 0 };
  const spread = jitterMs + (slow.jitterMs ?? 0);
  const delayMs = latencyMs + slow.latencyMs + (spread > 0 ? (dice() * 2 - 1) * spread : 0);
  if (delayMs > 0) await wait(delayMs, undefined, { signal: closing });
}

function toCloudRequest(
  incoming: IncomingMessage,
  body: string,
  arrivedAtMs: number,
): CloudRequest {
  const { url = "/", method = "", headers, socket } = incoming;
  const [path = "/", query = ""] = url.split("?", 2);
  return {
    method,
    path,
    query,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, String(value ?? "")]),
    ),
    body,
    sourceAddress: socket.remoteAddress ?? "",
    arrivedAtMs,
  };
}

/** The faults in which no answer of the cloud comes through. Whether the fault is one of them. */
async function breakTransport(
  fault: Fault,
  call: ArrivedCall,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  switch (fault.kind) {
    case "hang":
      call.end("faulted", null);
      return true;
    case "reset":
      call.end("faulted", null);
      incoming.socket.resetAndDestroy();
      return true;
    case "html502":
      call.end("faulted", null);
      response
        .writeHead(502, "Bad Gateway", { "content-type": "text/html", server: "nginx" })
        .end(BAD_GATEWAY_PAGE);
      return true;
    case "hugeBody":
      call.end("faulted", null);
      await sendHugeBody(response, fault);
      return true;
    default:
      return false;
  }
}

function toAnswer(
  { gateway }: ApiServerOptions,
  fault: Fault | null,
  request: CloudRequest,
): CloudAnswer {
  if (fault === null) return gateway.answer(request);
  const reason = toRefusalReason(fault.kind);
  if (reason !== null) {
    return gateway.refuse(reason, fault.kind === "throttle" ? fault.retryAfterMs : undefined);
  }
  const answer = gateway.answer(request);
  if (fault.kind === "wrongTypes") return { ...answer, body: toWrongTypes(answer.body) };
  if (fault.kind === "listAnomaly") {
    return { ...answer, body: toListAnomaly(answer.body, fault.anomaly) };
  }
  return answer;
}

async function send(
  answer: CloudAnswer,
  fault: Fault | null,
  closing: AbortSignal,
  response: ServerResponse,
): Promise<void> {
  const body = Buffer.from(JSON.stringify(answer.body), "utf8");
  const half = body.subarray(0, Math.floor(body.length / 2));
  const writeHead = (length: number) =>
    response.writeHead(answer.status, { ...answer.headers, "content-length": length });

  if (fault?.kind === "truncated" && fault.cut === "text") {
    writeHead(half.length).end(half);
  } else if (fault?.kind === "truncated") {
    writeHead(body.length).write(half, () => response.destroy());
  } else if (fault?.kind === "slowBody") {
    writeHead(body.length);
    const { bytes = DROP_BYTES, everyMs = DROP_EVERY_MS } = fault;
    for (let start = 0; start < body.length && !response.destroyed; start += bytes) {
      await wait(everyMs, undefined, { signal: closing });
      response.write(body.subarray(start, start + bytes));
    }
    response.end();
  } else {
    writeHead(body.length).end(body);
  }
}

/** A JSON document that is well-formed and far too long. */
async function sendHugeBody(
  response: ServerResponse,
  { bytes = HUGE_BODY_BYTES, encoding }: HugeBody,
): Promise<void> {
  const document = Readable.from(toHugeDocument(bytes));
  const type = { "content-type": "application/json" };
  if (encoding === undefined) {
    response.writeHead(200, type);
    await pipeline(document, response);
  } else {
    response.writeHead(200, { ...type, "content-encoding": encoding });
    await pipeline(document, createGzip(), response);
  }
}

function* toHugeDocument(bytes: number): Generator<string> {
  yield '{"RequestId":"';
  for (let sent = 0; sent < bytes; sent += HUGE_CHUNK.length) yield HUGE_CHUNK;
  yield '"}';
}

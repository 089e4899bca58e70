// GraphQL over HTTP at /graphql: what is let in, in which order, and how what is not is refused.
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { ApolloServer } from "@apollo/server";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onRequestAsyncHookHandler,
} from "fastify";
import type { Config } from "../config/index.ts";
import type { Arrival, Caller, RequestContext } from "../context.ts";
import type { Log } from "../log.ts";
import type { Admission } from "./admission.ts";
import type { Authenticate } from "./caller.ts";
import { checkJsonSize } from "./json-size.ts";
import type { Metrics } from "./metrics.ts";
import {
  JSON_TYPE,
  REFUSALS,
  RETRY_AFTER_SECONDS,
  Refusal,
  type RefusalReason,
  toRefusalBody,
} from "./refusal.ts";
import { BodyReader, createBrokenOff, dropBody } from "./request-body.ts";
import { countOf, toRequestId } from "./request-head.ts";

export interface HttpOptions {
  readonly apollo: ApolloServer<RequestContext>;
  readonly authenticate: Authenticate;
  readonly createContext: (caller: Caller, arrival: Arrival) => RequestContext;
  readonly admission: Admission;
  /** Throws where a document exceeds the limits. */
  readonly checkDocument: (text: string) => void;
  readonly limits: Config["limits"];
  /** While true, every answer asks the client to open another connection for what comes next. */
  readonly isDraining: () => boolean;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Answers browsers that want a page, before anybody is asked who they are. */
  readonly explorer?: onRequestAsyncHookHandler | undefined;
}

/** What is known of a request before its body is read, and whether it still goes on. */
interface Work {
  readonly caller: Caller;
  readonly arrivedAtMs: number;
  /** Aborted when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
  isConnected: boolean;
  isAnswering: boolean;
  /** Tells the admission that it is over; nothing before it was taken on. */
  leave: () => void;
}

const METHODS = ["GET", "POST"];
const ALLOW = [...METHODS, "OPTIONS"].join(", ");

/** In characters. Smaller answers are sent faster in one piece with their head. */
const LARGE_ANSWER = 16_384;

/** The engine must have been started. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const { apollo, authenticate, createContext, admission, checkDocument } = options;
  const { limits, metrics, log, explorer } = options;
  const bodies = new BodyReader(limits);
  const http = Fastify({
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => sendError(error, request, reply),
  });

  const sendError = (
    error: unknown,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply => {
    const { reason, message, limit } = toRefusal(error);
    if (reason === undefined) {
      log.error({ err: error }, "an HTTP request failed");
      return send(reply, 500, "INTERNAL_SERVER_ERROR", "Internal server error.");
    }
    metrics.onRefused(reason);
    const { status, code } = REFUSALS[reason];
    reply.removeHeader("connection");
    dropBody(request.raw, reply.raw);
    if (status === 503) reply.header("retry-after", String(RETRY_AFTER_SECONDS));
    if (reason === "method") reply.header("allow", ALLOW);
    return send(reply, status, code, message, limit);
  };
  http.setErrorHandler(sendError);
  http.setNotFoundHandler(({ url }) => {
    if (!/^\/graphql(\?|$)/.test(url)) {
      throw new Refusal("path", "There is nothing here; GraphQL is at /graphql.");
    }
    throw new Refusal("method", "GraphQL is asked with GET or POST.");
  });

  const works = new WeakMap<FastifyRequest, Work>();
  http.addHook("onRequest", async (request, reply) => {
    const arrivedAtMs = performance.now();
    checkHead(request, limits);
    const leaving = new AbortController();
    const { signal } = leaving;
    const leave = () => {};
    const state = { arrivedAtMs, signal, isConnected: true, isAnswering: false, leave };
    reply.raw.once("close", () => {
      state.isConnected = false;
      if (!reply.raw.writableFinished) leaving.abort();
      if (!state.isAnswering) state.leave();
    });
    // Before anybody is asked who they are.
    if (explorer) await explorer.call(http, request, reply);
    if (reply.sent) return reply;
    const known = await authenticate(request.raw);
    if ("caller" in known) {
      works.set(request, Object.assign(state, { caller: known.caller }));
      return undefined;
    }
    const { status, headers, message } = known.denial;
    metrics.onRefused("caller");
    return send(reply.headers(headers), status, REFUSALS.caller.code, message);
  });
  http.addHook("onSend", async (_request, reply) => {
    if (options.isDraining()) reply.header("connection", "close");
  });

  const workOf = (request: FastifyRequest): Work => {
    const work = works.get(request);
    if (work === undefined) throw new Error("a request without a caller");
    return work;
  };

  /** Slow clients hold no place while their body comes: there are more connections than places. */
  const takeTurn = async (request: FastifyRequest): Promise<void> => {
    const work = workOf(request);
    work.leave = admission.enter();
    await admission.turn();
    if (!work.isConnected) throw createBrokenOff();
  };

  const parseJson = http.getDefaultJsonParser("remove", "remove");
  http.removeAllContentTypeParsers();
  http.addContentTypeParser("application/json", (request: FastifyRequest) =>
    bodies.read(request.raw, async (body) => {
      await takeTurn(request);
      if (!isUtf8(body)) throw new Refusal("malformed", "The body is not UTF-8.");
      checkJsonSize(body, limits);
      return new Promise((resolve, reject) => {
        // A hostile key costs one representation, not the whole request.
        parseJson(request, body.toString(), (error, value) =>
          error === null ? resolve(value) : reject(error),
        );
      });
    }),
  );

  const answer = fastifyApolloHandler(apollo, {
    context: async (request) => {
      const { caller, arrivedAtMs, signal } = workOf(request);
      return createContext(caller, { requestId: toRequestId(request.raw), arrivedAtMs, signal });
    },
  });
  http.route({
    url: "/graphql",
    method: METHODS,
    handler: async function (request, reply) {
      const work = workOf(request);
      work.isAnswering = true;
      try {
        // The others had theirs before their body was parsed.
        if (request.method === "GET") await takeTurn(request);
        const text = readDocument(request);
        if (text !== undefined) checkDocument(text);
        const body = await answer.call(this, request, reply);
        // As bytes where it is large: it would be measured, joined to the head and encoded, each with a copy.
        return typeof body === "string" && body.length > LARGE_ANSWER ? Buffer.from(body) : body;
      } finally {
        work.isAnswering = false;
        if (!work.isConnected) work.leave();
      }
    },
  });
  // Closed to other sites: a browser that asks for permission gets none.
  http.options("/graphql", (_request, reply) => reply.code(204).header("allow", ALLOW).send());
  return http;
}

/** Throws what the head of a request is enough to refuse. */
function checkHead({ headers, raw, url }: FastifyRequest, limits: Config["limits"]): void {
  if (url.length > limits.urlBytes) {
    throw new Refusal("url", `The URL has more than ${limits.urlBytes} bytes.`);
  }
  if (raw.rawHeaders.length > limits.headers * 2) {
    throw new Refusal("headers", `There are more than ${limits.headers} headers.`);
  }
  checkHost(raw);
  // Nothing is unpacked, so that a small body stays small.
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") throw new Refusal("media", "Compressed bodies are not taken.");
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) {
    throw new Refusal("media", "The body must be UTF-8.");
  }
}

/** Of two hosts each reader would take another; one that is none would be a mistake further inside. */
function checkHost(head: IncomingMessage): void {
  if (countOf(head, "host") > 1) throw new Refusal("malformed", "There is more than one host.");
  // HTTP/1.0 needs none.
  const host = head.headers.host || "localhost";
  if (!URL.canParse(`http://${host}/`)) throw new Refusal("malformed", "The host is none.");
  head.headers.host = host;
}

/** The GraphQL document of a request; `undefined` where Apollo Server will say what is wrong. */
function readDocument({ method, body, query }: FastifyRequest): string | undefined {
  const source = method === "GET" ? query : body;
  if (typeof source !== "object" || source === null || !("query" in source)) return undefined;
  return typeof source.query === "string" ? source.query : undefined;
}

/** Codes of the framework's own errors; what is not listed and not the client's fault is ours. */
const FRAMEWORK_REASONS: Readonly<Record<string, RefusalReason>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "body",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "media",
};

interface PublicRefusal {
  /** `undefined` when it is our mistake. */
  readonly reason: RefusalReason | undefined;
  readonly message: string;
  readonly limit?: number | undefined;
}

function toRefusal(error: unknown): PublicRefusal {
  if (error instanceof Refusal) return error;
  const { code, statusCode } = toFacts(error);
  const reason =
    FRAMEWORK_REASONS[code] ?? (statusCode >= 400 && statusCode < 500 ? "malformed" : undefined);
  switch (reason) {
    case "body":
      return { reason, message: "The body is too long." };
    case "media":
      return { reason, message: "The body must be of the type application/json." };
    default:
      return { reason, message: "The request could not be read." };
  }
}

function toFacts(error: unknown): { code: string; statusCode: number } {
  if (!(error instanceof Error)) return { code: "", statusCode: 500 };
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const statusCode =
    "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  return { code, statusCode };
}

function send(
  reply: FastifyReply,
  status: number,
  code: string,
  message: string,
  limit?: number,
): FastifyReply {
  return reply
    .code(status)
    .type(JSON_TYPE)
    .send(toRefusalBody(code, message, limit));
}

// GraphQL over HTTP at /graphql.
import type { ApolloServer } from "@apollo/server";
import { fastifyApolloHandler } from "@as-integrations/fastify";
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type onRequestAsyncHookHandler,
} from "fastify";
import type { Caller, RequestContext } from "../context.ts";
import type { Log } from "../log.ts";
import type { Authenticate } from "./caller.ts";
import { toRequestId } from "./request-head.ts";

/** A thousand ids take about 70 kB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

export interface HttpOptions {
  readonly apollo: ApolloServer<RequestContext>;
  readonly authenticate: Authenticate;
  /** The signal is aborted when the client goes away before it has its answer. */
  readonly createContext: (
    caller: Caller,
    requestId: string,
    signal: AbortSignal,
  ) => RequestContext;
  readonly log: Log;
  /** Answers browsers that want a page, before anybody is asked who they are. */
  readonly explorer?: onRequestAsyncHookHandler | undefined;
}

/** The engine must have been started. */
export function createHttp({
  apollo,
  authenticate,
  createContext,
  log,
  explorer,
}: HttpOptions): FastifyInstance {
  const http = Fastify({
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: "idle",
    // A hostile key must cost one representation, not the whole request.
    onProtoPoisoning: "remove",
    onConstructorPoisoning: "remove",
  });
  const callers = new WeakMap<FastifyRequest, Caller>();

  // A connection whose answer comes after the closing began is idle only then: without this it would be waited for.
  let isClosing = false;
  http.addHook("preClose", async () => {
    isClosing = true;
  });
  http.addHook("onSend", async (_request, reply) => {
    if (isClosing) reply.header("connection", "close");
  });
  if (explorer) http.addHook("onRequest", explorer);
  http.addHook("onRequest", async (request, reply) => {
    const known = await authenticate(request.raw);
    if ("denial" in known) {
      const { status, headers, message } = known.denial;
      return refuse(reply.headers(headers), status, "UNAUTHENTICATED", message);
    }
    callers.set(request, known.caller);
  });
  http.setNotFoundHandler((_request, reply) =>
    refuse(reply, 404, "NOT_FOUND", "There is nothing here; GraphQL is at /graphql."),
  );
  http.setErrorHandler((error, _request, reply) => {
    const status = toStatus(error);
    if (status >= 500) log.error({ err: error }, "an HTTP request failed");
    const message = status >= 500 ? "Internal server error." : "The request could not be read.";
    return refuse(reply, status, status >= 500 ? "INTERNAL_SERVER_ERROR" : "BAD_REQUEST", message);
  });
  http.route({
    url: "/graphql",
    method: ["GET", "POST"],
    handler: fastifyApolloHandler(apollo, {
      context: async (request, reply) => {
        const caller = callers.get(request);
        if (caller === undefined) throw new Error("a request without a caller");
        return createContext(caller, toRequestId(request.raw), watchClient(reply));
      },
    }),
  });
  return http;
}

function watchClient({ raw }: FastifyReply): AbortSignal {
  const leaving = new AbortController();
  raw.once("close", () => {
    if (!raw.writableFinished) leaving.abort();
  });
  return leaving.signal;
}

function refuse(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
  return reply
    .code(status)
    .type("application/json; charset=utf-8")
    .send({ errors: [{ message, extensions: { code } }] });
}

function toStatus(error: unknown): number {
  const status =
    typeof error === "object" && error !== null && "statusCode" in error ? error.statusCode : 500;
  return typeof status === "number" && status >= 400 ? status : 500;
}

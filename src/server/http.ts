// GraphQL over HTTP at /graphql: what is let in, in which order, and how what is not is refused.
import { isUtf8 } from "node:buffer";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parse } from "secure-json-parse";
import type { Config } from "../config/index.ts";
import type { Arrival, Caller, RequestContext } from "../context.ts";
import type { Log } from "../log.ts";
import type { Admission } from "./admission.ts";
import { type Answer, sendAnswer, toRefusalAnswer } from "./answer.ts";
import type { Authenticate } from "./authentication.ts";
import type { Engine } from "./engine.ts";
import type { Explorer } from "./explorer.ts";
import { checkJsonSize } from "./json-size.ts";
import type { Metrics } from "./metrics.ts";
import { REFUSALS, RETRY_AFTER_SECONDS, Refusal } from "./refusal.ts";
import { BodyReader, createBrokenOff, dropBody } from "./request-body.ts";
import { countOf, toRequestId } from "./request-head.ts";

export interface HttpOptions {
  readonly engine: Pick<Engine, "answer">;
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
  readonly explorer?: Explorer | undefined;
}

/** What is asked, in the parts of a request that it stands in. */
interface Asked {
  readonly search: string;
  readonly body: unknown;
  /** The GraphQL document; `undefined` where the engine will say what is wrong. */
  readonly document: string | undefined;
}

const LARGE_BODY_BYTES = 32_768;
const ALLOW = "GET, POST, OPTIONS";
const UNREADABLE = "The request could not be read.";

export function createHttp(options: HttpOptions): RequestListener {
  const { engine, authenticate, createContext, admission, checkDocument } = options;
  const { limits, isDraining, metrics, log, explorer } = options;
  const bodies = new BodyReader(limits);

  return (request, response) => void respond(request, response);

  async function respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await answerTo(request, new Visit(response)).catch((error: unknown) =>
      refuse(error, request, response),
    );
    const { headers } = answer;
    sendAnswer(
      response,
      isDraining() ? { ...answer, headers: { ...headers, connection: "close" } } : answer,
    );
  }

  async function answerTo(request: IncomingMessage, visit: Visit): Promise<Answer> {
    checkHead(request, limits);
    // Before anybody is asked who they are.
    const page = await explorer?.(request);
    if (page !== undefined) return page;
    const known = await authenticate(request);
    if ("denial" in known) {
      const { status, headers, message } = known.denial;
      metrics.onRefused("caller");
      return toRefusalAnswer(status, { code: REFUSALS.caller.code, message }, headers);
    }
    if (toPath(request.url ?? "") !== "/graphql") {
      throw new Refusal("path", "There is nothing here; GraphQL is at /graphql.");
    }
    switch (request.method) {
      case "POST":
        return ask(await receiveBody(request, visit), request, known.caller, visit);
      case "GET":
        await visit.takeTurn(admission);
        return ask(readSearch(request.url ?? ""), request, known.caller, visit);
      case "OPTIONS":
        // Closed to other sites: a browser that asks for permission gets none.
        return { status: 204, headers: { allow: ALLOW } };
      default:
        throw new Refusal("method", "GraphQL is asked with GET or POST.");
    }
  }

  /** Slow clients hold no place while their body comes: there are more connections than places. */
  async function receiveBody(request: IncomingMessage, visit: Visit): Promise<Asked> {
    checkMediaType(request);
    return bodies.read(request, async (bytes) => {
      await visit.takeTurn(admission, bytes.length);
      if (!isUtf8(bytes)) throw new Refusal("malformed", "The body is not UTF-8.");
      checkJsonSize(bytes, limits);
      const body = parseJson(bytes.toString());
      // Reading it has taken a turn of the event loop by itself.
      if (bytes.length > LARGE_BODY_BYTES) await nextTurn();
      return { search: "", body, document: readDocument(body) };
    });
  }

  async function ask(
    { search, body, document }: Asked,
    request: IncomingMessage,
    caller: Caller,
    visit: Visit,
  ): Promise<Answer> {
    if (document !== undefined) checkDocument(document);
    const { method = "", headers } = request;
    const { arrivedAtMs, signal } = visit;
    const context = createContext(caller, {
      requestId: toRequestId(request),
      arrivedAtMs,
      signal,
    });
    return visit.stayFor(engine.answer({ method, headers, search, body }, context));
  }

  function refuse(error: unknown, request: IncomingMessage, response: ServerResponse): Answer {
    if (!(error instanceof Refusal)) {
      log.error({ err: error }, "an HTTP request failed");
      const message = "Internal server error.";
      return toRefusalAnswer(500, { code: "INTERNAL_SERVER_ERROR", message });
    }
    const { reason, message, limit } = error;
    metrics.onRefused(reason);
    dropBody(request, response);
    const { status, code } = REFUSALS[reason];
    return toRefusalAnswer(
      status,
      { code, message, limit },
      {
        ...(status === 503 && { "retry-after": String(RETRY_AFTER_SECONDS) }),
        ...(reason === "method" && { allow: ALLOW }),
      },
    );
  }
}

/** A request until its answer has been sent or its client has gone away, whichever is first. */
class Visit {
  readonly arrivedAtMs = performance.now();
  readonly #leaving = new AbortController();
  #isOver = false;
  #isWorkedFor = false;
  /** Tells the admission; nothing before it was taken on. */
  #leave = (): void => {};

  constructor(response: ServerResponse) {
    response.once("close", () => {
      this.#isOver = true;
      if (!response.writableFinished) this.#leaving.abort();
      if (!this.#isWorkedFor) this.#leave();
    });
  }

  /** Aborted when the client goes away before it has its answer. */
  get signal(): AbortSignal {
    return this.#leaving.signal;
  }

  async takeTurn(admission: Admission, bytes = 0): Promise<void> {
    if (this.#isOver) throw createBrokenOff();
    this.#leave = admission.enter();
    await admission.turn(bytes);
    if (this.#isOver) throw createBrokenOff();
  }

  /** Holds the place for as long as there is work, even when nobody waits for it any more. */
  async stayFor<Result>(work: Promise<Result>): Promise<Result> {
    this.#isWorkedFor = true;
    try {
      return await work;
    } finally {
      this.#isWorkedFor = false;
      if (this.#isOver) this.#leave();
    }
  }
}

/** Throws what the head of a request is enough to refuse. */
function checkHead(head: IncomingMessage, limits: Config["limits"]): void {
  const { headers, rawHeaders, url = "" } = head;
  if (url.length > limits.urlBytes) {
    throw new Refusal("url", `The URL has more than ${limits.urlBytes} bytes.`);
  }
  if (rawHeaders.length > limits.headers * 2) {
    throw new Refusal("headers", `There are more than ${limits.headers} headers.`);
  }
  checkHost(head);
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

/** What is asked for, however it is written: with the server in front, or with escaped characters. */
function toPath(url: string): string {
  if (url === "/graphql") return url;
  const [path = ""] = url.replace(/^https?:\/\/.*?\//, "/").split(/[?#]/, 1);
  try {
    return decodeURI(path);
  } catch {
    throw new Refusal("malformed", UNREADABLE);
  }
}

function checkMediaType({ headers }: IncomingMessage): void {
  const { "content-type": type, "content-length": length } = headers;
  const hasBody = headers["transfer-encoding"] !== undefined || (length ?? "0") !== "0";
  if (type === undefined && !hasBody) throw new Refusal("malformed", "There is no body.");
  if (type !== undefined && /^application\/json\s*(;|$)/i.test(type)) return;
  throw new Refusal("media", "The body must be of the type application/json.");
}

/** A hostile key costs one representation, not the whole request. */
function parseJson(text: string): unknown {
  try {
    return parse(text, { protoAction: "remove", constructorAction: "remove" });
  } catch {
    throw new Refusal("malformed", UNREADABLE);
  }
}

function readDocument(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("query" in body)) return undefined;
  return typeof body.query === "string" ? body.query : undefined;
}

function readSearch(url: string): Asked {
  const search = /\?[^#]*/.exec(url)?.[0] ?? "";
  const [document, ...others] = new URLSearchParams(search).getAll("query");
  return { search, body: undefined, document: others.length === 0 ? document : undefined };
}

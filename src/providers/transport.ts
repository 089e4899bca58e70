// HTTP to a cloud: pooled connections, separate time limits, proxy, cancellation, a bounded answer.
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Dispatcher } from "undici";
import { type HttpProxy, toProxy } from "./http-proxy.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  /** Path with query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** Lower-case names; of repeated headers the first. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One cloud endpoint. */
export interface Transport {
  /** `host[:port]` as it goes into the Host header and into signatures. */
  readonly host: string;
  /** Rejects with a `TransportError`. */
  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer>;
  /** Ends idle connections, and those in use as soon as they are answered. */
  close(): Promise<void>;
}

export interface TransportOptions {
  /** `https://mqtt.tencentcloudapi.com`; a path is not part of it. */
  readonly origin: string;
  /** The longest wait for a connection: a free one, or a new one with DNS, proxy and TLS. Default 3,000. */
  readonly connectTimeoutMs?: number;
  /** The longest wait from sending until the whole answer is there. Default 10,000. */
  readonly answerTimeoutMs?: number;
  /** Bytes of body, after decompression, that an answer may have. Default 10 MiB. */
  readonly maxAnswerBytes?: number;
  /** Requests on the way at the same time, each on a connection of its own. Default 64. */
  readonly connections?: number;
  /** Where `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` (or their lower-case names, which win) are read. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export type TransportErrorKind =
  /** A time limit passed. */
  | "timeout"
  /** The connection could not be made, or broke. */
  | "connection"
  /** The answer has more bytes than allowed. */
  | "tooLarge"
  /** The caller's signal. */
  | "aborted"
  /** The transport was closed before. */
  | "closed"
  /** The connection through the configured proxy could not be made. */
  | "proxy";

/** A request that got no whole answer. Holds nothing of the request or the answer: both have secrets. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly kind: TransportErrorKind;
  /** Whether the request may have reached the cloud. */
  readonly isSent: boolean;

  constructor(kind: TransportErrorKind, message: string, isSent: boolean) {
    super(message);
    this.kind = kind;
    this.isSent = isSent;
  }
}

export function createTransport(options: TransportOptions): Transport {
  return new PooledTransport(options);
}

/** Requests that may wait for a free connection, for each connection; the quota stands before this. */
const MAX_WAITING_PER_CONNECTION = 16;

/** The longest that a connection is kept without a request, in milliseconds. */
const KEEP_ALIVE_MS = 4_000;

const decompress = promisify(gunzip);
const nextTurn = promisify(setImmediate);

interface Limits {
  readonly connectTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly maxAnswerBytes: number;
}

class PooledTransport implements Transport {
  readonly host: string;
  readonly #origin: string;
  readonly #proxy: HttpProxy | undefined;
  readonly #limits: Limits;
  readonly #connections: number;
  #dispatcher: Promise<Dispatcher> | undefined;
  #inUse = 0;
  /** Own queue, because undici cannot take a request out of its queue again: it would spend a connection on it. */
  readonly #waiting = new Set<() => void>();
  #closed: Promise<void> | undefined;
  readonly #onIdle: (() => void)[] = [];

  constructor({
    origin,
    connectTimeoutMs = 3_000,
    answerTimeoutMs = 10_000,
    maxAnswerBytes = 10 * 1024 * 1024,
    connections = 64,
    environment = process.env,
  }: TransportOptions) {
    const url = new URL(origin);
    this.#origin = url.origin;
    this.host = url.host;
    this.#limits = { connectTimeoutMs, answerTimeoutMs, maxAnswerBytes };
    this.#connections = connections;
    this.#proxy = toProxy(url, environment);
  }

  send(request: HttpRequest, signal?: AbortSignal): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const exchange = new Exchange(this.host, this.#proxy?.host, this.#limits, resolve, reject);
      if (this.#closed) {
        exchange.fail("closed", "is not called any more");
        return;
      }
      const start = () => {
        this.#waiting.delete(start);
        this.#inUse += 1;
        exchange.onSettled(() => this.#release());
        this.#dispatch(request, exchange);
      };
      exchange.watch(signal);
      if (exchange.isSettled) return;
      if (this.#inUse < this.#connections) {
        start();
      } else if (this.#waiting.size >= this.#connections * MAX_WAITING_PER_CONNECTION) {
        exchange.fail("connection", "has too many requests waiting for a connection");
      } else {
        this.#waiting.add(start);
        exchange.onSettled(() => this.#waiting.delete(start));
      }
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#inUse > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    const dispatcher = await this.#dispatcher;
    await dispatcher?.close();
  }

  #release(): void {
    this.#inUse -= 1;
    const [next] = this.#waiting;
    if (next) next();
    else if (this.#inUse === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }

  async #dispatch(request: HttpRequest, exchange: Exchange): Promise<void> {
    try {
      this.#dispatcher ??= createDispatcher(
        this.#origin,
        this.#proxy,
        this.#connections,
        this.#limits,
      );
      const dispatcher = await this.#dispatcher;
      if (exchange.isSettled) return;
      const { method, path, headers, body = null } = request;
      dispatcher.dispatch(
        { origin: this.#origin, method, path, headers: { ...headers }, body },
        exchange,
      );
    } catch (error) {
      exchange.onResponseError(undefined, error);
    }
  }
}

/** One request and its answer, as undici reports it. Settles once; whatever comes later is ignored. */
class Exchange implements Dispatcher.DispatchHandler {
  isSettled = false;
  readonly #host: string;
  readonly #proxyHost: string | undefined;
  readonly #limits: Limits;
  readonly #resolve: (answer: HttpAnswer) => void;
  readonly #reject: (error: TransportError) => void;
  readonly #cleanups: (() => void)[] = [];
  #timer: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Record<string, string> = {};
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    host: string,
    proxyHost: string | undefined,
    limits: Limits,
    resolve: (answer: HttpAnswer) => void,
    reject: (error: TransportError) => void,
  ) {
    this.#host = host;
    this.#proxyHost = proxyHost;
    this.#limits = limits;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(
      () => this.fail("timeout", `gave no connection within ${limits.connectTimeoutMs} ms`),
      limits.connectTimeoutMs,
    );
  }

  onSettled(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  watch(signal: AbortSignal | undefined): void {
    if (!signal) return;
    const abort = () => this.fail("aborted", "was not waited for any longer");
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    this.onSettled(() => signal.removeEventListener("abort", abort));
  }

  fail(kind: TransportErrorKind, what: string): void {
    if (!this.#settle()) return;
    const isSent = this.#controller !== undefined;
    const error = new TransportError(kind, `${this.#describeTarget()} ${what}`, isSent);
    this.#reject(error);
    // Closes the socket: the rest of the answer must not arrive on a connection that is used again.
    this.#controller?.abort(error);
  }

  /** Called when a connection is there and the request is about to be written. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.isSettled) {
      controller.abort(new Error("The request was given up before it was sent"));
      return;
    }
    this.#controller = controller;
    clearTimeout(this.#timer);
    const { answerTimeoutMs } = this.#limits;
    this.#timer = setTimeout(
      () => this.fail("timeout", `did not answer within ${answerTimeoutMs} ms`),
      answerTimeoutMs,
    );
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return;
    this.#status = status;
    for (const [name, value] of Object.entries(headers)) {
      const first = Array.isArray(value) ? value[0] : value;
      if (first !== undefined) this.#headers[name] = first;
    }
    if (Number(this.#headers["content-length"]) > this.#limits.maxAnswerBytes) this.#failTooLarge();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.isSettled) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limits.maxAnswerBytes) this.#failTooLarge();
    else this.#chunks.push(chunk);
  }

  async onResponseEnd(): Promise<void> {
    if (this.isSettled) return;
    const bytes = await this.#decode(Buffer.concat(this.#chunks));
    // Until undici has taken the connection back, the next request would open another one.
    await nextTurn();
    if (!bytes || !this.#settle()) return;
    this.#resolve({
      status: this.#status,
      headers: this.#headers,
      body: new TextDecoder().decode(bytes),
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: unknown): void {
    const code = toErrorCode(error);
    if (this.#controller) {
      this.fail("connection", `broke the connection (${code})`);
    } else if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "UND_ERR_HEADERS_TIMEOUT") {
      this.fail("timeout", `gave no connection within ${this.#limits.connectTimeoutMs} ms`);
    } else {
      this.fail(this.#proxyHost ? "proxy" : "connection", `could not be reached (${code})`);
    }
  }

  /** We do not ask for compression; a gateway on the way may still apply it. */
  async #decode(bytes: Buffer): Promise<Buffer | undefined> {
    if (!/^(x-)?gzip$/i.test(this.#headers["content-encoding"] ?? "")) return bytes;
    try {
      return await decompress(bytes, { maxOutputLength: this.#limits.maxAnswerBytes });
    } catch (error) {
      const code = toErrorCode(error);
      if (code === "ERR_BUFFER_TOO_LARGE") this.#failTooLarge();
      else this.fail("connection", `sent an answer that cannot be decompressed (${code})`);
      return undefined;
    }
  }

  #failTooLarge(): void {
    this.fail("tooLarge", `sent an answer of more than ${this.#limits.maxAnswerBytes} bytes`);
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    clearTimeout(this.#timer);
    for (const cleanup of this.#cleanups) cleanup();
    this.#chunks = [];
    return true;
  }

  #describeTarget(): string {
    return this.#proxyHost ? `${this.#host} (through the proxy ${this.#proxyHost})` : this.#host;
  }
}

async function createDispatcher(
  origin: string,
  proxy: HttpProxy | undefined,
  connections: number,
  { connectTimeoutMs }: Limits,
): Promise<Dispatcher> {
  // Loaded for the first call, which a server rehearses: it takes 50 ms, for which a start need not wait.
  const { Pool, ProxyAgent } = await import("undici");
  const options = {
    connections,
    connectTimeout: connectTimeoutMs,
    // Time limits of an answer are ours: undici's bound the pauses in it, not the whole.
    headersTimeout: 0,
    bodyTimeout: 0,
    // However long the cloud would keep them: what a burst opened is closed soon after it.
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // One request a connection is what `connections` means.
    allowH2: false,
  };
  if (!proxy) return new Pool(origin, options);
  return new ProxyAgent({
    ...options,
    uri: proxy.url,
    // A proxy that takes CONNECT and never answers would hold its connection for five minutes.
    clientFactory: (url, clientOptions) =>
      new Pool(url, { ...clientOptions, headersTimeout: connectTimeoutMs }),
  });
}

/** The short code alone: messages and fields of network errors may quote the answer. */
function toErrorCode(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}

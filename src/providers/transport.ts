// HTTP to a cloud: pooled connections, separate time limits, proxy, cancellation, a bounded answer.

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

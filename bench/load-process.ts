// Asks a server as often as it is told, in a process of its own, and tells how long each answer took. Options as a message.
// Writes to sockets itself: an HTTP client would take more time than the server that it is to overload.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface LoadOptions {
  readonly url: string;
  readonly body: string;
  /** Asked so often, however slowly it is answered; without it, each connection asks again when it has its answer. */
  readonly perSecond?: number;
  /** Most connections at once; what finds none free waits, and its time counts. */
  readonly connections: number;
  /** Whether each request has a connection of its own. */
  readonly isReconnecting?: boolean;
  readonly ms: number;
}

export interface LoadResult {
  /** Answered with 200 while the load lasted. */
  readonly goodPerSecond: number;
  /** Milliseconds of each request by its HTTP status; 0 for connections that ended without an answer. */
  readonly byStatus: Readonly<Record<string, readonly number[]>>;
  /** Requests that had no answer at the end. */
  readonly unanswered: number;
}

const ANSWERS_WITHIN_MS = 15_000;

class Load {
  readonly #options: LoadOptions;
  readonly #request: string;
  readonly #idle: Socket[] = [];
  /** When those should have been sent that wait for a connection. */
  readonly #waiting: number[] = [];
  readonly #byStatus: Record<string, number[]> = {};
  #open = 0;
  #sent = 0;
  #answered = 0;
  #isOver = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#request = toRequest(options);
  }

  async run(): Promise<LoadResult> {
    const { perSecond, connections, ms } = this.#options;
    const startedAt = performance.now();
    if (perSecond === undefined) {
      for (let index = 0; index < connections; index += 1) this.#send(startedAt);
      await sleep(ms);
    } else {
      for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - startedAt) {
        const due = Math.floor((elapsed * perSecond) / 1000);
        while (this.#sent < due) this.#send(startedAt + (this.#sent * 1000) / perSecond);
        await sleep(1);
      }
    }
    this.#isOver = true;
    const goodPerSecond =
      ((this.#byStatus["200"]?.length ?? 0) * 1000) / (performance.now() - startedAt);
    const patienceUntil = performance.now() + ANSWERS_WITHIN_MS;
    while (this.#answered < this.#sent && performance.now() < patienceUntil) await sleep(10);
    return { goodPerSecond, byStatus: this.#byStatus, unanswered: this.#sent - this.#answered };
  }

  #send(dueAt: number): void {
    this.#sent += 1;
    this.#assign(dueAt);
  }

  #assign(dueAt: number): void {
    const socket = this.#idle.pop();
    if (socket !== undefined) this.#ask(socket, dueAt);
    else if (this.#open < this.#options.connections) this.#ask(this.#connect(), dueAt);
    else this.#waiting.push(dueAt);
  }

  #connect(): Socket {
    const { hostname, port } = new URL(this.#options.url);
    this.#open += 1;
    // An error is followed by the close.
    return connect({ host: hostname, port: Number(port), noDelay: true }).on("error", () => {});
  }

  #ask(socket: Socket, dueAt: number): void {
    let head = "";
    let missing: number | undefined;
    const finish = (status: number) => {
      socket.off("data", read).off("close", close);
      this.#answered += 1;
      const list = this.#byStatus[status];
      if (list === undefined) this.#byStatus[status] = [performance.now() - dueAt];
      else list.push(performance.now() - dueAt);
      if (status === 0 || /^connection: close/im.test(head)) {
        this.#open -= 1;
        socket.destroy();
      } else {
        this.#idle.push(socket);
      }
      const next = this.#waiting.shift();
      if (next !== undefined) this.#assign(next);
      else if (this.#options.perSecond === undefined && !this.#isOver)
        this.#send(performance.now());
    };
    const read = (chunk: Buffer) => {
      if (missing === undefined) {
        head += chunk.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        const length = Number(/^content-length: (\d+)/im.exec(head.slice(0, end))?.[1]);
        missing = length - (head.length - end - "\r\n\r\n".length);
      } else {
        missing -= chunk.length;
      }
      if (missing <= 0) finish(Number(head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length)));
    };
    const close = () => finish(0);
    socket.on("data", read).on("close", close);
    socket.write(this.#request);
  }
}

function toRequest({ url, body, isReconnecting = false }: LoadOptions): string {
  const { host, pathname } = new URL(url);
  return [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    ...(isReconnecting ? ["connection: close"] : []),
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}

process.once("message", async (options: LoadOptions) => {
  const result = await new Load(options).run();
  process.send?.(result, () => process.exit(0));
});

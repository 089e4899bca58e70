// Takes a server off the network without losing a request: nobody is cut off who may just be asking.
import { once } from "node:events";
import type { Server } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

export interface DrainOptions {
  /** How long a connection that nobody uses may still bring a request. */
  readonly graceMs: number;
  /** After that long everything is cut off. */
  readonly withinMs: number;
}

/** How often connections are looked at whose answer has been sent meanwhile. */
const LOOK_EVERY_MS = 50;

/** Follows the connections of a server from its start, and ends them at its end. */
export class Connections {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
    });
  }

  /** Accepts no more, and resolves when all connections are gone. */
  async end({ graceMs, withinMs }: DrainOptions): Promise<void> {
    if (!this.#server.listening) return;
    // Right after new connections were accepted, so that none is left in the system's line, where it would be reset.
    await nextTurn();
    const closed = once(this.#server, "close");
    // The close of HTTP servers would end idle connections too, at once.
    NetServer.prototype.close.call(this.#server);
    const patience = new AbortController();
    const isClosed = closed.then(() => patience.abort());
    const wait = (ms: number) => sleep(ms, undefined, { signal: patience.signal }).catch(() => {});

    const startedAt = performance.now();
    await wait(graceMs);
    while (!patience.signal.aborted) {
      if (performance.now() - startedAt > withinMs) this.#server.closeAllConnections();
      this.#endIdle();
      await wait(LOOK_EVERY_MS);
    }
    await isClosed;
  }

  #endIdle(): void {
    this.#server.closeIdleConnections();
    // Node counts a connection as busy until its first request.
    for (const socket of this.#open) if (socket.bytesRead === 0) socket.destroy();
  }
}

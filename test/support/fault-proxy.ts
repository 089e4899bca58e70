// A TCP proxy in front of an emulated cloud that breaks connections in ways in which an HTTP server cannot.
import { connect, createServer, type Server, type Socket } from "node:net";

export type ProxyFault =
  /** Nobody listens. */
  | { readonly kind: "refuse" }
  /** Connections are taken and reset at once. */
  | { readonly kind: "reset" }
  /** Connections are taken, and nothing is ever answered. */
  | { readonly kind: "hang" }
  /** The connection is reset after so many bytes of answers. */
  | { readonly kind: "cut"; readonly afterBytes: number }
  /** One byte of the answer every so often. */
  | { readonly kind: "trickle"; readonly everyMs: number };

export interface FaultProxy {
  readonly origin: string;
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** Connections taken since the last change of the fault. */
  readonly taken: () => number;
  /** Breaks the connections that are there, and treats new ones like this; `null` for a proxy that does nothing. */
  setFault(fault: ProxyFault | null): Promise<void>;
  close(): Promise<void>;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const sockets = new Set<Socket>();
  let fault: ProxyFault | null = null;
  let taken = 0;

  const serve = (socket: Socket) => {
    taken += 1;
    watch(socket, sockets);
    if (fault?.kind === "reset") socket.resetAndDestroy();
    // Read all the same: else it would not be noticed that the other side closes the connection.
    else if (fault?.kind === "hang") socket.resume();
    else forward(socket, connect(Number(targetPort), hostname), fault);
  };
  const listen = (port: number) =>
    new Promise<Server>((resolve, reject) => {
      const listening = createServer(serve);
      listening.once("error", reject);
      listening.listen(port, "127.0.0.1", () => resolve(listening));
    });

  let server: Server | undefined = await listen(0);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The proxy has no port.");
  const { port } = address;
  const stopListening = async () => {
    const stopped = server;
    server = undefined;
    if (stopped === undefined) return;
    const closed = new Promise((resolve) => stopped.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  };

  return {
    origin: `http://127.0.0.1:${port}`,
    sockets,
    taken: () => taken,
    setFault: async (next) => {
      fault = next;
      taken = 0;
      if (next?.kind === "refuse") await stopListening();
      else server ??= await listen(port);
      for (const socket of sockets) socket.destroy();
    },
    close: stopListening,
  };
}

function watch(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
}

function forward(client: Socket, cloud: Socket, fault: ProxyFault | null): void {
  cloud.on("error", () => client.destroy());
  client.on("close", () => cloud.destroy());
  client.pipe(cloud);
  if (fault?.kind === "cut") cut(client, cloud, fault.afterBytes);
  else if (fault?.kind === "trickle") trickle(client, cloud, fault.everyMs);
  else cloud.pipe(client);
}

function cut(client: Socket, cloud: Socket, afterBytes: number): void {
  let left = afterBytes;
  cloud.on("data", (chunk) => {
    client.write(chunk.subarray(0, left), () => {
      if (left <= 0) client.resetAndDestroy();
    });
    left -= chunk.length;
  });
}

function trickle(client: Socket, cloud: Socket, everyMs: number): void {
  const waiting: number[] = [];
  cloud.on("data", (chunk) => waiting.push(...chunk));
  const timer = setInterval(() => {
    const byte = waiting.shift();
    if (byte !== undefined) client.write(Buffer.of(byte));
  }, everyMs);
  client.on("close", () => clearInterval(timer));
}

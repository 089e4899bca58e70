// A loopback HTTP server that starts on any free port and leaves nothing behind when it ends.
import { createServer, type IncomingMessage, type RequestListener } from "node:http";

export interface RunningServer {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Ends every connection at once, those with a request in them too. */
  close(): Promise<void>;
}

/** Longer than the servers of the clouds are usually idle: tests of idle connections set their own. */
const KEEP_ALIVE_MS = 65_000;

/** `port`: 0 for any free one. */
export async function startHttpServer(
  listener: RequestListener,
  port: number,
): Promise<RunningServer> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  return {
    origin: `http://127.0.0.1:${address.port}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The whole body as text. Rejects when the client goes away. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

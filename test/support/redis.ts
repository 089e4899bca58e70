// A real Redis on a free port of this machine, for tests that kill it, pause it and start it again.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { findFreePort } from "./free-port.ts";
import { searchOutput } from "./output-watch.ts";

export interface TestRedis {
  /** `redis://127.0.0.1:12345`. */
  readonly url: string;
  /** It stops answering, and its connections stay open. */
  pause(): void;
  resume(): void;
  /** As when the machine fails: nothing is saved, connections break. */
  kill(): Promise<void>;
  /** On the same port, empty. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** It keeps nothing on disk. */
export async function startRedis(): Promise<TestRedis> {
  const port = await findFreePort();
  let server = await startServer(port);

  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, "exit");
    // Also ends a paused process.
    server.kill("SIGKILL");
    await exited;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    pause: () => void server.kill("SIGSTOP"),
    resume: () => void server.kill("SIGCONT"),
    kill,
    restart: async () => {
      await kill();
      server = await startServer(port);
    },
    close: async () => {
      await searchEverything(port);
      await kill();
    },
  };
}

/** Whatever tests left in it must be free of secrets. A server that is paused or gone is not asked. */
async function searchEverything(port: number): Promise<void> {
  const client = new Redis({
    port,
    commandTimeout: 2_000,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    const names = await client.keys("*");
    const values = await Promise.all(names.map((name) => readValue(client, name)));
    searchOutput("Redis", [...names, ...values.map((value) => JSON.stringify(value))].join("\n"));
  } catch {
    // Many tests end with it dead.
  } finally {
    client.disconnect();
  }
}

async function readValue(client: Redis, name: string): Promise<unknown> {
  switch (await client.type(name)) {
    case "string":
      return client.get(name);
    case "hash":
      return client.hgetall(name);
    case "zset":
      return client.zrange(name, "0", "-1");
    case "set":
      return client.smembers(name);
    default:
      return client.lrange(name, 0, -1);
  }
}

const READY_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 20;

async function startServer(port: number): Promise<ChildProcess> {
  const settings = { port, bind: "127.0.0.1", save: "", appendonly: "no", dir: tmpdir() };
  const server = spawn(
    "redis-server",
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: "ignore" },
  );
  const failed = new Promise<never>((_, reject) => {
    server.once("error", (error) => reject(toStartError(error)));
    server.once("exit", (code) =>
      reject(new Error(`redis-server on port ${port} ended with status ${code}`)),
    );
  });
  // Also when it ends later, as tests want it to.
  failed.catch(() => {});
  const endWithTests = () => void server.kill("SIGKILL");
  process.once("exit", endWithTests);
  server.once("exit", () => process.off("exit", endWithTests));
  await Promise.race([untilReady(port), failed]);
  return server;
}

function toStartError(error: Error): Error {
  if (!("code" in error) || error.code !== "ENOENT") return error;
  return new Error(
    "These tests need a real Redis, and there is no redis-server in PATH: apt-get install redis-server",
  );
}

async function untilReady(port: number): Promise<void> {
  const untilMs = performance.now() + READY_WITHIN_MS;
  while (!(await isAnswering(port))) {
    if (performance.now() > untilMs) throw new Error(`no Redis answers on port ${port}`);
    await sleep(LOOK_AGAIN_MS);
  }
}

async function isAnswering(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [answer]: unknown[] = await once(socket, "data");
    return String(answer).startsWith("+PONG");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

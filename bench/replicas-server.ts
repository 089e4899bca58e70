// Four replicas in processes of their own, with an emulator and a Redis, for benchmarks that load them. Needs redis-server.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { Emulated } from "./emulator-process.ts";

const REPLICAS = 4;

export interface ReplicasOptions {
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** Calls a second that the emulated cloud takes, and the replicas reckon with. */
  readonly callsPerSecond: Readonly<Record<"QueryDeviceCert" | "GetDeviceCredential", number>>;
}

export interface Counts {
  readonly arrived: number;
  readonly throttled: number;
  readonly maxCallsInAnySecond: number;
}

export class RunningReplicas {
  readonly urls: string[] = [];
  #isClosing = false;
  readonly #options: ReplicasOptions;
  readonly #children: ChildProcess[] = [];
  #emulated: Emulated | undefined;
  #redisPort = 0;
  #redis: ChildProcess | undefined;

  constructor(options: ReplicasOptions) {
    this.#options = options;
  }

  /** Resolves when all of them count together, and nothing was called for a second. */
  async start(): Promise<void> {
    this.#redisPort = await findFreePort();
    await this.startRedis();
    process.on("exit", () => this.killRedis());
    const { latencyMs, jitterMs, callsPerSecond } = this.#options;
    const quotas = { callsPerSecondAndSourceAddress: 1_000, callsPerSecond };
    const emulator = fork(new URL("emulator-process.js", import.meta.url), [
      JSON.stringify({ fleetSize: 8_000, latencyMs, jitterMs, quotas }),
    ]);
    this.#children.push(emulator);
    [this.#emulated] = (await once(emulator, "message")) as [Emulated];
    for (let n = 0; n < REPLICAS; n += 1) {
      const child = fork(new URL("replica-process.js", import.meta.url), [
        JSON.stringify(this.#toConfig(this.#emulated)),
      ]);
      const [url] = (await once(child, "message")) as [string];
      this.#children.push(child);
      this.urls.push(url);
    }
    await sleep(3_000);
    for (const url of this.urls) {
      void this.ask(url, [
        ...this.ids("aliyun-iot").slice(-1),
        ...this.ids("aliyun-mqtt").slice(-1),
      ]);
    }
    await sleep(1_500);
    await fetch(`${this.#emulated.controlOrigin}/calls`, { method: "DELETE" });
  }

  ids(prefix: string): readonly string[] {
    return this.#emulated?.ids[prefix] ?? [];
  }

  /** The part of a replica, so that all ask for different certificates. */
  partOf(prefix: string, replica: number): readonly string[] {
    return this.ids(prefix).slice(replica * 2_000, (replica + 1) * 2_000);
  }

  async ask(url: string, asked: readonly string[]): Promise<void> {
    const query = "query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
    const answer = post(url, { query, variables: { ids: asked } });
    // At the end it may be cut off.
    await answer.catch((error: unknown) => {
      if (!this.#isClosing) throw error;
    });
  }

  async readCounts(): Promise<Record<string, Counts>> {
    const response = await fetch(`${this.#emulated?.controlOrigin}/calls`);
    const all = (await response.json()) as Record<string, Record<string, Counts>>;
    return { ...all["aliyun-iot"], ...all["aliyun-mqtt"] };
  }

  /** Calls of an action that each replica has made. */
  async readShares(action: string): Promise<number[]> {
    return await Promise.all(
      this.urls.map(async (url) => {
        const { data } = (await post(url, {
          query: "{ providerQuotas { action callsToday } }",
        })) as {
          data: { providerQuotas: { action: string; callsToday: number }[] };
        };
        return data.providerQuotas.find((quota) => quota.action === action)?.callsToday ?? 0;
      }),
    );
  }

  /** Counts what is sent to Redis from now on, not what scripts do there. */
  async watchCommands(): Promise<{ stop(): number }> {
    // Not by ioredis: what comes in one piece with the answer to MONITOR makes it throw.
    const monitor = connect(this.#redisPort, "127.0.0.1");
    monitor.write("MONITOR\r\n");
    const lines = createInterface({ input: monitor });
    await once(lines, "line");
    let commands = 0;
    lines.on("line", (line) => {
      if (!/^\S+ \[\d+ lua\]/.test(line)) commands += 1;
    });
    return {
      stop: () => {
        lines.close();
        monitor.destroy();
        return commands;
      },
    };
  }

  async startRedis(): Promise<void> {
    const options = ["--port", `${this.#redisPort}`, "--bind", "127.0.0.1", "--save", ""];
    this.#redis = spawn("redis-server", options, { stdio: "ignore" });
    const probe = new Redis(this.#redisPort, "127.0.0.1", { retryStrategy: () => 20 });
    probe.on("error", () => {});
    // Not `once` of events: that gives up at the first refused connection.
    await new Promise((resolve) => probe.once("ready", resolve));
    probe.disconnect();
  }

  killRedis(): void {
    this.#redis?.kill("SIGKILL");
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const child of this.#children) child.disconnect();
    await Promise.all(this.#children.map((child) => once(child, "exit")));
    this.killRedis();
  }

  #toConfig({ credentials, origins }: Emulated): unknown {
    return {
      server: { port: 0, adminPort: 0, drainSeconds: 0 },
      answer: { withinMs: 20_000, maxEntities: 10_000 },
      redis: { url: `redis://127.0.0.1:${this.#redisPort}` },
      connections: ["tencent", "aliyun"].map((cloud) => {
        const { accessKeyId, accessKeySecret } = credentials[cloud]?.static ?? {};
        return {
          cloud,
          region: cloud === "tencent" ? "ap-guangzhou" : "cn-shanghai",
          credentials: { accessKeyId, accessKeySecret },
          endpoints: origins[cloud],
          quota: { perSecond: cloud === "aliyun" ? this.#options.callsPerSecond : {} },
        };
      }),
    };
  }
}

async function post(url: string, body: unknown): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return await response.json();
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

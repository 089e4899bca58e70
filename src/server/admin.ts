// Health and metrics, on a port of their own that callers never see.
import Fastify, { type FastifyInstance } from "fastify";
import type { Metrics } from "./metrics.ts";

/** Whether the process can serve, and why not. */
export class Readiness {
  #reason: "starting" | "draining" | undefined = "starting";

  /** Why the process cannot serve; empty when it can. */
  get reasons(): readonly string[] {
    return this.#reason === undefined ? [] : [this.#reason];
  }

  get isDraining(): boolean {
    return this.#reason === "draining";
  }

  start(): void {
    this.#reason = undefined;
  }

  drain(): void {
    this.#reason = "draining";
  }
}

export function createAdmin(readiness: Readiness, metrics: Metrics): FastifyInstance {
  const admin = Fastify({ forceCloseConnections: true });
  admin.get("/livez", async () => ({ status: "alive" }));
  admin.get("/readyz", async (_request, reply) => {
    const { reasons } = readiness;
    if (reasons.length === 0) return { status: "ready" };
    return reply.code(503).send({ status: "unready", reasons });
  });
  admin.get("/metrics", async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.print()),
  );
  return admin;
}

// Health and metrics, on a port of their own that callers never see.
import Fastify, { type FastifyInstance } from "fastify";
import type { Metrics } from "./metrics.ts";

/** Whether the process can serve, and why not. */
export class Readiness {
  #reasons: readonly string[] = ["starting"];

  get reasons(): readonly string[] {
    return this.#reasons;
  }

  /** With no reason against it the process is ready. */
  set(...reasons: string[]): void {
    this.#reasons = reasons;
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

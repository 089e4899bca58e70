// What the process counts, for Prometheus.
import { Counter, collectDefaultMetrics, Histogram, Registry } from "prom-client";
import type { CloudCallEvent } from "../providers/connect.ts";

export interface Metrics {
  onCall(event: CloudCallEvent): void;
  /** An operation was answered; `hasErrors` also for a partial answer. */
  onAnswer(durationMs: number, hasErrors: boolean): void;
  readonly contentType: string;
  print(): Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new Counter({
    name: "device_certificates_cloud_calls_total",
    help: "Calls sent to a cloud, each attempt counted.",
    labelNames: ["provider", "connection", "action", "outcome"],
    registers,
  });
  const answers = new Histogram({
    name: "device_certificates_answer_seconds",
    help: "Time to answer a GraphQL operation.",
    labelNames: ["errors"],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10],
    registers,
  });

  return {
    onCall: ({ provider, connection, action, outcome }) =>
      calls.inc({ provider, connection, action, outcome }),
    onAnswer: (durationMs, hasErrors) =>
      answers.observe({ errors: String(hasErrors) }, durationMs / 1000),
    contentType: registry.contentType,
    print: () => registry.metrics(),
  };
}

// What the process counts, for Prometheus.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { DirectoryFileUse } from "../device/directory-file.ts";
import type { CloudCallEvent } from "../providers/connect.ts";
import type { RefusalReason } from "./refusal.ts";

export interface Metrics {
  onCall(event: CloudCallEvent): void;
  /** An operation was answered, so long after its request came; `hasErrors` also for a partial answer. */
  onAnswer(durationMs: number, hasErrors: boolean): void;
  /** A request was refused, or a connection because there were too many. */
  onRefused(reason: RefusalReason | "connections"): void;
  /** From now on the directory file is counted too. */
  watchDirectoryFile(readUse: () => DirectoryFileUse): void;
  readonly contentType: string;
  print(): Promise<string>;
}

export interface MetricsOptions {
  /** How many requests are being answered. */
  readonly countRequests: () => number;
}

export function createMetrics({ countRequests }: MetricsOptions): Metrics {
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
    help: "Time to answer a GraphQL operation, from when its head was read.",
    labelNames: ["errors"],
    buckets: [0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10],
    registers,
  });
  const refused = new Counter({
    name: "device_certificates_refused_total",
    help: "Requests and connections that were refused before anything was asked of a cloud.",
    labelNames: ["reason"],
    registers,
  });
  new Gauge({
    name: "device_certificates_requests_in_flight",
    help: "Requests that are being answered, those included that wait for a cloud.",
    registers,
    collect() {
      this.set(countRequests());
    },
  });

  return {
    onCall: ({ provider, connection, action, outcome }) =>
      calls.inc({ provider, connection, action, outcome }),
    onAnswer: (durationMs, hasErrors) =>
      answers.observe({ errors: String(hasErrors) }, durationMs / 1000),
    onRefused: (reason) => refused.inc({ reason }),
    watchDirectoryFile: (readUse) => watchDirectoryFile(registry, readUse),
    contentType: registry.contentType,
    print: () => registry.metrics(),
  };
}

function watchDirectoryFile(registry: Registry, readUse: () => DirectoryFileUse): void {
  const registers = [registry];
  new Gauge({
    name: "device_certificates_directory_age_seconds",
    help: "Since the rows that are served were read from the directory file.",
    registers,
    collect() {
      this.set((performance.now() - readUse().readAtMs) / 1000);
    },
  });
  new Gauge({
    name: "device_certificates_directory_rows",
    help: "Rows of the directory file: those that are served, and those that were left out.",
    labelNames: ["usable"],
    registers,
    collect() {
      const { rows, badRows } = readUse();
      this.set({ usable: "true" }, rows);
      this.set({ usable: "false" }, badRows);
    },
  });
  new Counter({
    name: "device_certificates_directory_failures_total",
    help: "Looks at the directory file that could not read it, or found no usable row.",
    registers,
    collect() {
      this.reset();
      this.inc(readUse().failures);
    },
  });
}

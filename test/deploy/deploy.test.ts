import "reflect-metadata";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { type Config, loadConfig } from "../../src/config/index.ts";
import { products } from "../../src/providers/index.ts";
import { createMetrics } from "../../src/server/metrics.ts";
import { readText } from "../documentation/pages.ts";

const manifest = readText("package.json");

describe("deploy/kubernetes.yaml", () => {
  const objects = parseAllDocuments(readText("deploy/kubernetes.yaml")).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
  const find = (kind: string) => objects.find((object) => object.kind === kind);
  const pod = find("Deployment").spec.template.spec;
  const [container] = pod.containers;
  const text: string = find("ConfigMap").data["config.yaml"];
  const secrets = [...text.matchAll(/\$\{file:\/secrets\/([\w-]+)\}/g)].map(
    ([, name = ""]) => name,
  );
  let folder: string;
  let config: Config;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "deploy-"));
    for (const name of secrets)
      await writeFile(
        join(folder, name),
        name === "redis-url" ? "redis://redis:6379" : `the-${name}`,
      );
    const path = join(folder, "config.yaml");
    await writeFile(path, text.replaceAll("/secrets/", `${folder}/`));
    config = await loadConfig(path, { products, takenTypeNames: new Set(), env: {} });
  });

  afterAll(() => rm(folder, { recursive: true }));

  it("has a configuration that is taken, with every secret in a file that the README names", () => {
    expect(config.connections.map(({ cloud }) => cloud)).toEqual(["tencent", "aliyun"]);
    expect(secrets).toHaveLength(6);
    const readme = readText("deploy/README.md");
    for (const name of secrets) expect(readme).toContain(`--from-file=${name}`);
  });

  it("has the configuration's ports, and asks for health on the admin port alone", () => {
    const ports = Object.fromEntries(
      container.ports.map(({ name, containerPort }: Record<string, unknown>) => [
        name,
        containerPort,
      ]),
    );
    expect(ports).toEqual({ graphql: config.server.port, admin: config.server.adminPort });
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"])
      expect(container[probe].httpGet.port).toBe("admin");
    expect(find("Service").spec.ports).toEqual([
      { name: "graphql", port: config.server.port, targetPort: "graphql" },
    ]);
  });

  it("leaves a replica the time to drain and to answer what is in flight", () => {
    const { server, answer } = config;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(
      server.drainSeconds + answer.withinMs / 1000,
    );
    // As long as it takes until nobody sends anything here any more.
    expect(server.drainSeconds).toBeGreaterThan(2 * container.readinessProbe.periodSeconds);
  });

  it("runs this version, as nobody in particular, and with nothing to write to", () => {
    const { version }: { version: string } = JSON.parse(manifest);
    expect(container.image).toMatch(new RegExp(`:${version.replaceAll(".", "\\.")}$`));
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    const mounted = container.volumeMounts.map(({ name }: { name: string }) => name);
    expect(mounted).toEqual(pod.volumes.map(({ name }: { name: string }) => name));
  });

  it("selects the pods that it describes", () => {
    const { labels } = find("Deployment").spec.template.metadata;
    expect(find("Deployment").spec.selector.matchLabels).toEqual(labels);
    expect(find("Service").spec.selector).toEqual(labels);
    expect(find("PodDisruptionBudget").spec.selector.matchLabels).toEqual(labels);
    expect(find("NetworkPolicy").spec.podSelector.matchLabels).toEqual(labels);
  });
});

describe("deploy/prometheus-alerts.yaml", () => {
  const { groups } = parse(readText("deploy/prometheus-alerts.yaml"));
  const rules: { alert: string; expr: string; annotations: Record<string, string> }[] =
    groups.flatMap(({ rules }: { rules: unknown }) => rules);

  it("asks for metrics, labels and outcomes that exist", async () => {
    const metrics = createMetrics({ countRequests: () => 0 });
    for (const outcome of ["answered", "throttled", "failed"] as const)
      metrics.onCall({ provider: "p", connection: "c", action: "a", outcome });
    metrics.onAnswer(1, true);
    metrics.onRefused("overload");
    metrics.watchDirectoryFile(() => ({ rows: 1, badRows: 0, readAtMs: 0, failures: 0 }));
    const printed = await metrics.print();
    expect(rules.length).toBeGreaterThan(3);
    for (const { expr } of rules) {
      for (const [name] of expr.matchAll(/\b(?:device_certificates|nodejs|process)_\w+/g))
        expect(printed).toMatch(new RegExp(`^${name}[ {]`, "m"));
      for (const [, label, value] of expr.matchAll(/\b(outcome|errors|reason)="(\w+)"/g))
        expect(printed).toContain(`${label}="${value}"`);
      for (const [, labels = ""] of expr.matchAll(/by \(([^)]*)\)/g))
        for (const label of labels.split(", ")) expect(printed).toContain(`${label}="`);
    }
  });

  it("says in words what is wrong", () => {
    for (const { alert, annotations } of rules) expect(annotations["summary"], alert).toBeTruthy();
  });
});

describe("the configurations of gateways", () => {
  const gatewayHeaders = ["authorization", "x-gateway-token", "x-scopes"];
  const uncomment = (text: string) => text.replace(/^( +)# (- | {2,}\S)/gm, "$1$2");

  it.each(["router.yaml", "cosmo-router.yaml"])(
    "%s is YAML, with its commented parts too",
    (name) => {
      const text = readText(`examples/supergraph/${name}`);
      expect(parse(text)).toBeTypeOf("object");
      const { headers } = parse(uncomment(text));
      const sent = headers.subgraphs.certificates.request.map(
        (rule: {
          name?: string;
          named?: string;
          insert?: { name: string };
          propagate?: { named: string };
        }) =>
          (
            rule.name ??
            rule.named ??
            rule.insert?.name ??
            rule.propagate?.named ??
            ""
          ).toLowerCase(),
      );
      expect(sent).toEqual(gatewayHeaders);
    },
  );

  it("give up later than the subgraph answers", async () => {
    const folder = await mkdtemp(join(tmpdir(), "deploy-"));
    const path = join(folder, "config.yaml");
    await writeFile(
      path,
      "connections: [{ cloud: tencent, region: ap-guangzhou, credentials: { accessKeyId: a, accessKeySecret: b } }]",
    );
    const { answer } = await loadConfig(path, { products, takenTypeNames: new Set(), env: {} });
    await rm(folder, { recursive: true });
    const router = parse(readText("examples/supergraph/router.yaml")).traffic_shaping;
    const cosmo = parse(readText("examples/supergraph/cosmo-router.yaml")).traffic_shaping;
    const limits = [
      router.subgraphs.certificates.timeout,
      router.router.timeout,
      cosmo.subgraphs.certificates.request_timeout,
    ].map((text: string) => Number.parseInt(text, 10) * 1000);
    for (const limitMs of limits) expect(limitMs).toBeGreaterThan(answer.withinMs);
    for (const name of ["apollo-gateway.ts", "hive-gateway.config.ts"])
      expect(readText(`examples/supergraph/${name}`)).toContain(
        'process.env["TIME_LIMIT_MS"] ?? 30_000',
      );
  });
});

import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { request as openRequest } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type Emulator, listCanaries, startEmulator } from "../src/emulator/index.ts";
import { APIS } from "./support/all-products.ts";
import { listForms } from "./support/canaries.ts";
import { readOperation } from "./support/operations.ts";
import {
  makeFolder,
  type ReadyProcess,
  startProcess,
  startSubgraphProcess,
  writeConfig,
} from "./support/process.ts";
import { createRecipientKey } from "./support/recipient-key.ts";
import { toConnections } from "./support/subgraph.ts";

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 16, seed: "main", quotas: "off" });
});

afterAll(async () => {
  await emulator?.close();
});

const ONE = "query ($id: ID!) { deviceCertificate(id: $id) { id } }";

async function ask(url: string, id: string) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: ONE, variables: { id } }),
  });
  return { status: response.status, body: await response.json() };
}

async function readReadiness(adminUrl: string) {
  const response = await fetch(`${adminUrl}/readyz`);
  return { status: response.status, body: await response.json() };
}

/** Whether somebody accepts connections there. */
async function isListening(url: string): Promise<boolean> {
  const request = openRequest(url, { agent: false });
  const reached = once(request, "response").then(
    () => true,
    () => false,
  );
  request.end();
  const isReached = await reached;
  request.destroy();
  return isReached;
}

describe("a configuration that cannot work", () => {
  it("is told with all its mistakes and their paths, and ends with status 2 before anything listens", async () => {
    const config = await writeConfig(`
server: { port: high, drainSecond: 3 }
connections:
  - cloud: tencent
    region: Guangzhou!
    credentials: { accessKeyId: \${NOT_SET_ANYWHERE}, accessKeySecret: x }
    quota: { share: 2 }
  - cloud: aws
    region: eu-west-1
answer: { withinMs: soon }
`);
    const { ended, stderr, stdout } = startProcess(["main", "--config", config]);
    expect(await ended).toEqual({ code: 2, signal: null });
    for (const path of [
      "server.port",
      "server.drainSecond",
      "connections[0].region",
      "connections[0].credentials.accessKeyId",
      "connections[0].quota.share",
      "connections[1].cloud",
      "connections[1].credentials",
      "answer.withinMs",
    ])
      expect(stderr()).toContain(path);
    expect(stderr()).toContain("NOT_SET_ANYWHERE");
    expect(stdout()).toBe("");
  });

  it("ends with status 2 when devices are to be of a type that the schema has already", async () => {
    const config = await writeConfig({
      connections: toConnections(emulator),
      join: { typeName: "TencentTag" },
    });
    const { ended, stderr } = startProcess(["main", "--config", config]);
    expect((await ended).code).toBe(2);
    expect(stderr()).toMatch(
      /join\.typeName\s+the schema has another type of this name; expected the type of a device, got TencentTag\n$/,
    );
  });

  it.each([
    ["no configuration is named", ["main"]],
    ["an option is unknown", ["main", "--confg", "x.yaml"]],
  ])("ends with status 2 and the usage when %s", async (_, args) => {
    const { ended, stderr } = startProcess(args);
    expect((await ended).code).toBe(2);
    expect(stderr()).toContain("--config FILE");
  });

  it("ends with status 2 when the file is not there, without a stack trace", async () => {
    const { ended, stderr } = startProcess(["main", "--config", "/nowhere/config.yaml"]);
    expect((await ended).code).toBe(2);
    expect(stderr()).toContain("config.yaml");
    expect(stderr()).not.toMatch(/^\s+at /m);
  });

  it("is told the usage with --help, and ends with status 0", async () => {
    const { ended, stdout } = startProcess(["main", "--help"]);
    expect((await ended).code).toBe(0);
    expect(stdout()).toContain("--config FILE");
  });
});

describe("a configuration that works", () => {
  const toConfig = (drainSeconds: number) => ({
    server: { port: 0, adminPort: 0, drainSeconds },
    connections: toConnections(emulator),
  });

  it("can be named by a variable, and becomes ready and answers", async () => {
    const config = await writeConfig(toConfig(0));
    const started = startProcess(["main"], { SUBGRAPH_CONFIG: config });
    const [line] = await started.waitFor(/^\{.*"msg":"ready".*\}$/m);
    const { url, admin } = JSON.parse(line);
    expect(await readReadiness(admin)).toEqual({ status: 200, body: { status: "ready" } });
    const { id } = emulator.fleet.aliyunIot.at(0);
    expect(await ask(url, id)).toEqual({
      status: 200,
      body: { data: { deviceCertificate: { id } } },
    });
  });

  it("says that a port is taken, and ends with status 1", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const address = taken.address();
    const port = typeof address === "object" ? address?.port : 0;
    try {
      const config = { ...toConfig(0), server: { port, adminPort: 0 } };
      const { ended, stderr } = startProcess(["main", "--config", await writeConfig(config)]);
      expect((await ended).code).toBe(1);
      expect(stderr()).toContain("EADDRINUSE");
    } finally {
      taken.close();
    }
  });

  /** Asks for a certificate that the cloud answers slowly, and waits until the cloud has been asked. */
  async function askSlowly({ url }: ReadyProcess, index: number, latencyMs: number) {
    emulator.calls.reset();
    emulator.setFault("tencent-ssl", { kind: "slow", latencyMs: 0, jitterMs: 0 });
    emulator.setFault("tencent-ssl", { kind: "slowBody", bytes: 10_000, everyMs: latencyMs });
    const { id } = emulator.fleet.tencentSsl.at(index);
    const answer = ask(url, id);
    await vi.waitFor(() =>
      expect(emulator.calls.of("tencent-ssl", "DescribeCertificate").arrived).toBe(1),
    );
    emulator.setFault("tencent-ssl", null);
    return { id, answer };
  }

  async function expectNothingLeft({ url, adminUrl, ended }: ReadyProcess) {
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await isListening(url)).toBe(false);
    expect(await isListening(adminUrl)).toBe(false);
  }

  it("is unready at once on SIGTERM and still serves, then answers what is in flight and ends with 0", async () => {
    const running = await startSubgraphProcess(toConfig(1));
    const { id, answer } = await askSlowly(running, 0, 800);
    running.child.kill("SIGTERM");
    await running.waitFor(/"msg":"draining"/);
    expect(await readReadiness(running.adminUrl)).toEqual({
      status: 503,
      body: { status: "unready", reasons: ["draining"] },
    });
    const other = emulator.fleet.tencentSsl.at(1).id;
    expect((await ask(running.url, other)).body).toEqual({
      data: { deviceCertificate: { id: other } },
    });
    expect(await answer).toEqual({ status: 200, body: { data: { deviceCertificate: { id } } } });
    await expectNothingLeft(running);
  });

  it("answers what is in flight for longer than it drains, and does not wait for idle connections", async () => {
    const running = await startSubgraphProcess(toConfig(0));
    const { id, answer } = await askSlowly(running, 2, 1_500);
    const startedAt = performance.now();
    running.child.kill("SIGTERM");
    expect(await answer).toEqual({ status: 200, body: { data: { deviceCertificate: { id } } } });
    await expectNothingLeft(running);
    // Connections are kept open by whoever asked: a gateway does so for minutes.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it("ends once, however often it is told to", async () => {
    const running = await startSubgraphProcess(toConfig(0.5));
    running.child.kill("SIGTERM");
    running.child.kill("SIGINT");
    await running.waitFor(/"signal":"SIGINT"/);
    running.child.kill("SIGTERM");
    await expectNothingLeft(running);
  });
});

describe("a process in trouble", () => {
  const config = () => ({
    server: { port: 0, adminPort: 0, drainSeconds: 0.5 },
    connections: toConnections(emulator),
  });

  /** Makes mistakes when it is told to. */
  const toTrouble = (code: string) => ({
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2", () => { ${code} });`)}`,
  });

  it.each([
    ["an exception that nothing caught", 'throw new Error("made up")'],
    ["a rejection that nobody waited for", 'Promise.reject(new Error("made up"))'],
    ["one mistake after the other", 'setInterval(() => { throw new Error("made up") }, 10)'],
  ])("logs %s once, drains, and ends with status 1", async (_, code) => {
    const running = await startSubgraphProcess(config(), toTrouble(code));
    running.child.kill("SIGUSR2");
    await running.waitFor(/"msg":"a mistake that nothing caught/);
    expect(await readReadiness(running.adminUrl)).toMatchObject({ status: 503 });
    const { id } = emulator.fleet.aliyunIot.at(0);
    expect((await ask(running.url, id)).status).toBe(200);
    expect(await running.ended).toEqual({ code: 1, signal: null });
    expect(running.stdout().match(/made up/g)?.length).toBeLessThanOrEqual(3);
  });

  it("goes on when nobody reads its output any more", async () => {
    const running = await startSubgraphProcess(config(), { LOG_LEVEL: "debug" });
    running.child.stdout?.destroy();
    running.child.stderr?.destroy();
    for (const { id } of [emulator.fleet.aliyunIot.at(0), emulator.fleet.aliyunIot.at(1)])
      expect((await ask(running.url, id)).status).toBe(200);
    // Answered with a line in the log, which nobody reads.
    expect((await ask(running.url, "aliyun-iot:default:a1B2:nobody")).status).toBe(200);
    expect((await ask(running.url, "nonsense")).status).toBe(200);
    running.child.kill("SIGTERM");
    expect(await once(running.child, "exit")).toEqual([0, null]);
  });

  it("ends with status 0 when it is told to before it is ready", async () => {
    const hang = {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent('process.stdout.write("begun\\n"); setInterval(() => process.listenerCount("SIGTERM") > 0 && process.kill(process.pid, "SIGTERM"), 1);')}`,
    };
    const path = await writeConfig(config());
    const started = startProcess(["main", "--config", path], hang);
    expect((await started.ended).code).toBe(0);
  });
});

describe("the memory of the process", () => {
  const CERTIFICATES = readOperation("certificates", "every-field");
  const SEALED_ENTITIES = readOperation("sealed-entities");
  const TOKEN = "not-a-real-token-0001";

  it("holds no secret that a cloud answered, after answers, failures and hand-outs of every kind", {
    timeout: 60_000,
  }, async () => {
    const folder = await makeFolder();
    const key = await createRecipientKey("P-256");
    const running = await startSubgraphProcess(
      {
        server: { port: 0, adminPort: 0, drainSeconds: 0 },
        connections: toConnections(emulator, { callsPerSecond: 1_000 }),
        answer: { withinMs: 3_000 },
        cache: { freshSeconds: { active: 0 } },
        auth: { mode: "gateway", gateway: { token: TOKEN } },
        secrets: { mode: "sealed" },
      },
      { NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}` },
    );
    const ids = emulator.fleet.products.flatMap((product) => product.ids());
    const send = async (query: string, variables: Record<string, unknown>) => {
      const response = await fetch(running.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-gateway-token": TOKEN,
          "x-scopes":
            "device-certificate:read device-certificate:personal:read device-certificate:secret:read",
        },
        body: JSON.stringify({ query, variables }),
      });
      expect(response.status).toBe(200);
      return response.text();
    };
    const representations = emulator.fleet.products.map((product) => ({
      __typename: "DeviceCertificate",
      id: product.at(0).id,
    }));
    const askAll = async () => {
      const sealed = send(SEALED_ENTITIES, { representations, recipient: key.jwk });
      const [answer] = await Promise.all([send(CERTIFICATES, { ids }), sealed]);
      return answer;
    };
    const sealed = await send(SEALED_ENTITIES, { representations, recipient: key.jwk });
    expect(sealed.includes('"sealedDeviceAccessKeySecret":"eyJ')).toBe(true);
    expect((await askAll()).includes('"errors"')).toBe(false);
    for (const fault of [
      { kind: "wrongTypes" },
      { kind: "truncated", cut: "text" },
      { kind: "serverError" },
    ] as const) {
      for (const api of APIS) emulator.setFault(api, fault);
      await askAll();
    }
    for (const api of APIS) emulator.setFault(api, null);
    await askAll();
    // What is on its way may be in the memory.
    await vi.waitFor(() => {
      for (const action of Object.values(emulator.calls.toJson()).flatMap(Object.values)) {
        expect(action.granted + action.refused + action.faulted).toBe(action.arrived);
      }
    }, 10_000);

    running.child.kill("SIGUSR2");
    // Written in one go: whoever is answered afterwards is answered after it.
    const name = await vi.waitFor(async () => {
      const [file] = await readdir(folder);
      if (file === undefined) throw new Error("no snapshot yet");
      return file;
    });
    await readReadiness(running.adminUrl);
    const snapshot = await readFile(join(folder, name), "latin1");
    expect(snapshot.endsWith("]}") || snapshot.endsWith("]}\n")).toBe(true);
    // That it is the memory of the process that answered.
    const { DeviceAccessKeyId } = emulator.fleet.aliyunMqtt.at(0).item;
    for (const word of ["AliyunIotDeviceCertificate", DeviceAccessKeyId])
      expect(snapshot.includes(word), word).toBe(true);

    const planted = listCanaries(emulator.fleet);
    expect(planted.length).toBeGreaterThan(30);
    for (const form of planted.flatMap(listForms))
      expect(snapshot.includes(form), form).toBe(false);
    // Calls cannot be signed without the account's own secrets; those of other accounts are not there either.
    const { tencent, aliyun } = emulator.credentials;
    for (const { accessKeySecret } of [tencent.otherAccount, aliyun.sts])
      expect(snapshot.includes(accessKeySecret)).toBe(false);
    expect(snapshot.includes("BEGIN RSA PRIVATE KEY")).toBe(false);
    for (const form of emulator.listCanaries().flatMap(listForms))
      expect(running.stdout().includes(form), form).toBe(false);
  });
});

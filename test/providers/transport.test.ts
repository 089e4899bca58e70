import "reflect-metadata";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type Socket } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import {
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  createTransport,
  type Transport,
  TransportError,
  type TransportOptions,
} from "../../src/providers/transport.ts";
import { GET, listen, startAnswering, startConnectProxy, startServer } from "./loopback.ts";

describe("what a transport sends and gives back", () => {
  it("sends what it is given, decodes the answer as UTF-8, and gives of a repeated header the first", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(201, { "X-Twice": ["first", "second"] });
      const bytes = Buffer.from("设备");
      response.write(bytes.subarray(0, 2));
      response.end(bytes.subarray(2));
    });
    const answer = await open({ origin: server.origin }).send({
      method: "POST",
      path: "/a?b=%2A",
      headers: { "X-One": "1" },
      body: "é",
    });
    expect(answer).toMatchObject({
      status: 201,
      body: "设备",
      headers: { "x-twice": "first" },
    });
    expect(server.requests).toMatchObject([
      {
        method: "POST",
        url: "/a?b=%2A",
        body: "é",
        headers: { "x-one": "1", "content-length": "2" },
      },
    ]);
  });

  it("names host and port as the Host header has them", async () => {
    const server = await startAnswering({ body: "" });
    const transport = open({ origin: server.origin });
    await transport.send(GET);
    expect(server.requests[0]?.headers["host"]).toBe(transport.host);
    expect(open({ origin: "https://ssl.tencentcloudapi.com" }).host).toBe(
      "ssl.tencentcloudapi.com",
    );
  });

  it("uses a connection again", async () => {
    const server = await startAnswering({ body: "ok" });
    const transport = open({ origin: server.origin });
    for (let call = 0; call < 10; call += 1) await transport.send(GET);
    expect(server.connections()).toBe(1);
  });

  it("does not follow redirects", async () => {
    const server = await startAnswering({ status: 302, headers: { location: "/other" }, body: "" });
    expect((await open({ origin: server.origin }).send(GET)).status).toBe(302);
    expect(server.requests).toHaveLength(1);
  });

  it("decompresses an answer that a gateway compressed unasked", async () => {
    const server = await startServer((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync("plain"));
    });
    expect((await open({ origin: server.origin }).send(GET)).body).toBe("plain");
    expect(server.requests[0]?.headers["accept-encoding"]).toBeUndefined();
  });
});

describe("how many requests a transport has on the way", () => {
  it("keeps to its number of connections and serves the others in order", async () => {
    const pending: (() => void)[] = [];
    const server = await startServer((_, response) => pending.push(() => response.end()));
    const transport = open({ origin: server.origin, connections: 2 });
    const paths = ["/1", "/2", "/3", "/4"];
    const sent = paths.map((path) => transport.send({ ...GET, path }));
    for (let answered = 0; answered < paths.length; answered += 1) {
      await expect.poll(() => pending.length).toBeGreaterThan(0);
      expect(server.sockets.size).toBeLessThanOrEqual(2);
      pending.shift()?.();
      await Promise.any(sent);
    }
    await Promise.all(sent);
    expect(server.requests.map(({ url }) => url)).toEqual(paths);
    expect(server.connections()).toBe(2);
  });

  it("gives up a request that waits too long for a free connection, unsent", async () => {
    const server = await startServer(() => {});
    const transport = open({ origin: server.origin, connections: 1, connectTimeoutMs: 50 });
    const abort = new AbortController();
    const first = failureOf(transport.send(GET, abort.signal));
    expect(await failureOf(transport.send(GET))).toMatchObject({ kind: "timeout", isSent: false });
    abort.abort();
    await first;
    expect(server.requests).toHaveLength(1);
  });

  it("refuses at once what would wait behind too many", async () => {
    const server = await startServer(() => {});
    const transport = open({ origin: server.origin, connections: 1 });
    const abort = new AbortController();
    const waiting = Array.from({ length: 17 }, () => failureOf(transport.send(GET, abort.signal)));
    const refused = await failureOf(transport.send(GET));
    expect(refused).toMatchObject({ kind: "connection", isSent: false });
    abort.abort();
    await Promise.all(waiting);
  });
});

describe("time limits", () => {
  it("ends the wait for a connection that is never made", async () => {
    // A TLS handshake that nobody answers.
    const silent = await listen(createTcpServer());
    const origin = `https://127.0.0.1:${silent.port}`;
    const error = await failureOf(open({ origin, connectTimeoutMs: 50 }).send(GET));
    expect(error).toMatchObject({ kind: "timeout", isSent: false });
  });

  it("ends the wait for headers, and closes the connection", async () => {
    const server = await startServer(() => {});
    const error = await failureOf(open({ origin: server.origin, answerTimeoutMs: 50 }).send(GET));
    expect(error).toMatchObject({ kind: "timeout", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("bounds the whole body, however steadily it trickles", async () => {
    const server = await startServer((_, response) => {
      const trickle = setInterval(() => response.write("."), 5);
      response.on("close", () => clearInterval(trickle));
    });
    const error = await failureOf(open({ origin: server.origin, answerTimeoutMs: 80 }).send(GET));
    expect(error).toMatchObject({ kind: "timeout", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("does not count the answer's time against the connection", async () => {
    const server = await startServer((_, response) => setTimeout(() => response.end("late"), 80));
    const transport = open({ origin: server.origin, connectTimeoutMs: 40, answerTimeoutMs: 5_000 });
    expect((await transport.send(GET)).body).toBe("late");
  });
});

describe("broken connections", () => {
  it("says that a refused connection was not sent over", async () => {
    const { port } = await listenAndClose();
    const error = await failureOf(open({ origin: `http://127.0.0.1:${port}` }).send(GET));
    expect(error).toMatchObject({ kind: "connection", isSent: false });
    expect(error.message).toBe(`127.0.0.1:${port} could not be reached (ECONNREFUSED)`);
  });

  it("says that a reset one may have been", async () => {
    const server = await startServer((request) => request.socket.resetAndDestroy());
    const error = await failureOf(open({ origin: server.origin }).send(GET));
    expect(error).toMatchObject({ kind: "connection", isSent: true });
  });

  it("notices an answer that ends too early", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"secret":', () => response.destroy());
    });
    const error = await failureOf(open({ origin: server.origin }).send(GET));
    expect(error).toMatchObject({ kind: "connection", isSent: true });
  });

  it("puts nothing of a garbled answer or of the request into the error", async () => {
    const tcp = createTcpServer((socket: Socket) => {
      socket.once("data", () => socket.end("HTTP/9.9 PLANTED-ANSWER\r\n\r\n"));
    });
    const { origin } = await listen(tcp);
    const headers = { authorization: "PLANTED-HEADER" };
    const request = {
      method: "POST",
      path: "/PLANTED-PATH",
      headers,
      body: "PLANTED-BODY",
    } as const;
    const error = await failureOf(open({ origin }).send(request));
    expect(error.kind).toBe("connection");
    expect(inspect(error, { depth: null })).not.toContain("PLANTED");
    expect(error.cause).toBeUndefined();
  });

  it("turns a header that cannot be sent into an error that does not quote it", async () => {
    const server = await startAnswering({ body: "" });
    const headers = { authorization: "PLANTED\n" };
    const error = await failureOf(open({ origin: server.origin }).send({ ...GET, headers }));
    expect(error).toMatchObject({ kind: "connection", isSent: false });
    expect(inspect(error)).not.toContain("PLANTED");
  });
});

describe("answers that are too large", () => {
  it.each([
    ["announced", { "content-length": "2000000" }],
    ["not announced", {}],
  ])("ends one whose size is %s, and its connection", async (_, headers) => {
    const server = await startServer((_request, response) => {
      response.writeHead(200, headers);
      response.write(Buffer.alloc(200_000));
    });
    const error = await failureOf(open({ origin: server.origin, maxAnswerBytes: 1_000 }).send(GET));
    expect(error).toMatchObject({ kind: "tooLarge", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("counts what a compressed answer becomes", async () => {
    const server = await startServer((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync(Buffer.alloc(1_000_000)));
    });
    const error = await failureOf(
      open({ origin: server.origin, maxAnswerBytes: 10_000 }).send(GET),
    );
    expect(error.kind).toBe("tooLarge");
  });

  it("takes one of exactly the limit", async () => {
    const server = await startAnswering({ body: "x".repeat(1_000) });
    const answer = await open({ origin: server.origin, maxAnswerBytes: 1_000 }).send(GET);
    expect(answer.body).toHaveLength(1_000);
  });
});

describe("cancellation", () => {
  it("does not send for a signal that is aborted already", async () => {
    const server = await startAnswering({ body: "" });
    const error = await failureOf(open({ origin: server.origin }).send(GET, AbortSignal.abort()));
    expect(error).toMatchObject({ kind: "aborted", isSent: false });
    expect(server.connections()).toBe(0);
  });

  it("ends a request on the way, and its connection", async () => {
    const server = await startServer(() => {});
    const abort = new AbortController();
    const sent = failureOf(open({ origin: server.origin }).send(GET, abort.signal));
    await expect.poll(() => server.requests.length).toBe(1);
    abort.abort();
    expect(await sent).toMatchObject({ kind: "aborted", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("takes a waiting request out of the line", async () => {
    const pending: (() => void)[] = [];
    const server = await startServer((_, response) => pending.push(() => response.end()));
    const transport = open({ origin: server.origin, connections: 1 });
    const abort = new AbortController();
    const first = transport.send({ ...GET, path: "/first" });
    const second = failureOf(transport.send({ ...GET, path: "/second" }, abort.signal));
    const third = transport.send({ ...GET, path: "/third" });
    abort.abort();
    expect(await second).toMatchObject({ kind: "aborted", isSent: false });
    for (const sent of [first, third]) {
      await expect.poll(() => pending.length).toBe(1);
      pending.shift()?.();
      await sent;
    }
    expect(server.requests.map(({ url }) => url)).toEqual(["/first", "/third"]);
    expect(server.connections()).toBe(1);
  });
});

describe("close()", () => {
  it("lets what is on the way be answered, ends idle connections, and refuses what comes later", async () => {
    const pending: (() => void)[] = [];
    const server = await startServer((_, response) => pending.push(() => response.end("done")));
    const transport = createTransport({ origin: server.origin, connections: 1, environment: {} });
    const first = transport.send(GET);
    const second = transport.send(GET);
    const closed = transport.close();
    expect(await failureOf(transport.send(GET))).toMatchObject({
      kind: "connection",
      isSent: false,
    });
    for (const sent of [first, second]) {
      await expect.poll(() => pending.length).toBe(1);
      pending.shift()?.();
      expect((await sent).body).toBe("done");
    }
    await closed;
    await expect.poll(() => server.sockets.size).toBe(0);
    await transport.close();
  });

  it("returns when nothing was ever sent", async () => {
    await createTransport({ origin: "http://127.0.0.1:1", environment: {} }).close();
  });
});

describe("proxies", () => {
  it("sends plain HTTP to the proxy of HTTP_PROXY", async () => {
    const proxy = await startConnectProxy({});
    const transport = open({
      origin: "http://mqtt.example",
      environment: { HTTP_PROXY: proxy.origin },
    });
    expect((await transport.send(GET)).body).toBe("from the proxy");
    expect(proxy.requests).toMatchObject([
      { url: "http://mqtt.example/", headers: { host: "mqtt.example" } },
    ]);
  });

  it("opens a tunnel through the proxy of HTTPS_PROXY, with the user and password of its URL", async () => {
    const target = await startHttpsServer("mqtt.example");
    const proxy = await startConnectProxy({ targetPort: target.port });
    const HTTPS_PROXY = proxy.origin.replace("//", "//user:PLANTED@");
    const transport = open({ origin: "https://mqtt.example", environment: { HTTPS_PROXY } });
    for (let call = 0; call < 3; call += 1) {
      expect((await transport.send(GET)).body).toBe("through the tunnel to mqtt.example");
    }
    // One tunnel for all three: it is kept alive like any other connection.
    expect(proxy.tunnels).toEqual(["mqtt.example:443"]);
    expect(proxy.authorizations).toEqual([`Basic ${btoa("user:PLANTED")}`]);
    expect(proxy.requests).toEqual([]);
  });

  it("never names the user and password of the proxy", async () => {
    const proxy = await startConnectProxy({ refuseWith: "407 Proxy Authentication Required" });
    const HTTPS_PROXY = proxy.origin.replace("//", "//PLANTED:PLANTED@");
    const transport = open({ origin: "https://mqtt.example", environment: { HTTPS_PROXY } });
    expect(inspect(await failureOf(transport.send(GET)))).not.toContain("PLANTED");
  });

  it("runs into the connect limit where the proxy ignores CONNECT", async () => {
    const proxy = await startConnectProxy({});
    const transport = open({
      origin: "https://mqtt.example",
      connectTimeoutMs: 60,
      environment: { https_proxy: proxy.origin },
    });
    expect(await failureOf(transport.send(GET))).toMatchObject({ kind: "timeout", isSent: false });
    // The connection to the proxy does not stay behind either.
    await expect.poll(() => proxy.sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it.each(["407 Proxy Authentication Required", "502 Bad Gateway"])(
    "says that the proxy failed when it answers %s",
    async (refuseWith) => {
      const proxy = await startConnectProxy({ refuseWith });
      const environment = { HTTPS_PROXY: proxy.origin };
      const error = await failureOf(
        open({ origin: "https://mqtt.example", environment }).send(GET),
      );
      expect(error).toMatchObject({ kind: "proxy", isSent: false });
      expect(error.message).toContain(`mqtt.example (through the proxy 127.0.0.1:${proxy.port})`);
    },
  );

  it("says that the proxy failed when nobody listens there", async () => {
    const { port } = await listenAndClose();
    const environment = { HTTPS_PROXY: `127.0.0.1:${port}` };
    const error = await failureOf(open({ origin: "https://mqtt.example", environment }).send(GET));
    expect(error).toMatchObject({ kind: "proxy", isSent: false });
  });

  it.each(["127.0.0.1", "*", "other.example, 127.0.0.1:PORT", "::1 0.0.1"])(
    "goes around the proxy for NO_PROXY=%s",
    async (noProxy) => {
      const server = await startAnswering({ body: "direct" });
      const proxy = await startConnectProxy({});
      const NO_PROXY = noProxy.replace("PORT", String(server.port));
      const environment = { HTTP_PROXY: proxy.origin, NO_PROXY };
      expect((await open({ origin: server.origin, environment }).send(GET)).body).toBe("direct");
      expect(proxy.connections()).toBe(0);
    },
  );

  it.each(["example.org", "127.0.0.1:1", "27.0.0.1", ""])(
    "goes through the proxy for NO_PROXY=%s",
    async (NO_PROXY) => {
      const server = await startAnswering({ body: "direct" });
      const proxy = await startConnectProxy({});
      const environment = { http_proxy: proxy.origin, no_proxy: NO_PROXY, NO_PROXY: "*" };
      const { body } = await open({ origin: server.origin, environment }).send(GET);
      expect(body).toBe("from the proxy");
    },
  );

  it("does not send HTTPS through HTTP_PROXY", async () => {
    const proxy = await startConnectProxy({});
    const { port } = await listenAndClose();
    const environment = { HTTP_PROXY: proxy.origin };
    const error = await failureOf(
      open({ origin: `https://127.0.0.1:${port}`, environment }).send(GET),
    );
    expect(error).toMatchObject({ kind: "connection", isSent: false });
    expect(proxy.connections()).toBe(0);
  });

  it("refuses a proxy that is no URL without repeating it", () => {
    const environment = { HTTPS_PROXY: "http://user:PLANTED@:x" };
    expect(() => open({ origin: "https://mqtt.example", environment })).toThrow(
      /^HTTPS_PROXY is not a URL$/,
    );
  });
});

/** Closed with the test; reads no proxy from the environment that the tests run in. */
function open(options: TransportOptions): Transport {
  const transport = createTransport({ environment: {}, ...options });
  onTestFinished(() => transport.close());
  return transport;
}

async function failureOf(sent: Promise<unknown>): Promise<TransportError> {
  const error = await sent.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof TransportError) return error;
  throw new Error(`Expected a TransportError, got ${inspect(error)}`);
}

async function listenAndClose(): Promise<{ port: number }> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("Not listening on a port");
  return address;
}

/** An HTTPS server whose certificate this process trusts until the test is over. */
async function startHttpsServer(name: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
  });
  const cert = certificate.toString("pem");
  const key = PemConverter.encode(
    await crypto.subtle.exportKey("pkcs8", keys.privateKey),
    PemConverter.PrivateKeyTag,
  );
  const trusted = getCACertificates();
  setDefaultCACertificates([...trusted, cert]);
  onTestFinished(() => setDefaultCACertificates(trusted));
  return listen(
    createHttpsServer({ key, cert }, (request, response) => {
      response.end(`through the tunnel to ${request.headers.host}`);
    }),
  );
}

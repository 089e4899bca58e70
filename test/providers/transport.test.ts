import { createServer as createTcpServer, type Socket } from "node:net";
import { inspect } from "node:util";
import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { createTransport } from "../../src/providers/transport.ts";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { GET, listen, startAnswering, startServer } from "./loopback.ts";
import { failureOf, openTransport } from "./open-transport.ts";

describe("what a transport sends and gives back", () => {
  it("sends what it is given, decodes the answer as UTF-8, and gives of a repeated header the first", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(201, { "X-Twice": ["first", "second"] });
      const bytes = Buffer.from("设备");
      response.write(bytes.subarray(0, 2));
      response.end(bytes.subarray(2));
    });
    const answer = await openTransport({ origin: server.origin }).send({
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
    const transport = openTransport({ origin: server.origin });
    await transport.send(GET);
    expect(server.requests[0]?.headers["host"]).toBe(transport.host);
    expect(openTransport({ origin: "https://ssl.tencentcloudapi.com" }).host).toBe(
      "ssl.tencentcloudapi.com",
    );
  });

  it("uses a connection again", async () => {
    const server = await startAnswering({ body: "ok" });
    const transport = openTransport({ origin: server.origin });
    for (let call = 0; call < 10; call += 1) await transport.send(GET);
    expect(server.connections()).toBe(1);
  });

  it("does not follow redirects", async () => {
    const server = await startAnswering({ status: 302, headers: { location: "/other" }, body: "" });
    expect((await openTransport({ origin: server.origin }).send(GET)).status).toBe(302);
    expect(server.requests).toHaveLength(1);
  });

  it("decompresses an answer that a gateway compressed unasked", async () => {
    const server = await startServer((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync("plain"));
    });
    expect((await openTransport({ origin: server.origin }).send(GET)).body).toBe("plain");
    expect(server.requests[0]?.headers["accept-encoding"]).toBeUndefined();
  });
});

describe("how many requests a transport has on the way", () => {
  it("keeps to its number of connections and serves the others in order", async () => {
    const pending: (() => void)[] = [];
    const server = await startServer((_, response) => pending.push(() => response.end()));
    const transport = openTransport({ origin: server.origin, connections: 2 });
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
    const transport = openTransport({
      origin: server.origin,
      connections: 1,
      connectTimeoutMs: 1_000,
    });
    const abort = new AbortController();
    const first = failureOf(transport.send(GET, abort.signal));
    await vi.waitFor(() => expect(server.requests).toHaveLength(1), { timeout: 10_000 });
    expect(await failureOf(transport.send(GET))).toMatchObject({ kind: "timeout", isSent: false });
    abort.abort();
    await first;
    expect(server.requests).toHaveLength(1);
  });

  it("refuses at once what would wait behind too many", async () => {
    const server = await startServer(() => {});
    const transport = openTransport({ origin: server.origin, connections: 1 });
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
    const error = await failureOf(openTransport({ origin, connectTimeoutMs: 50 }).send(GET));
    expect(error).toMatchObject({ kind: "timeout", isSent: false });
  });

  it("ends the wait for headers, and closes the connection", async () => {
    const server = await startServer(() => {});
    const error = await failureOf(
      openTransport({ origin: server.origin, answerTimeoutMs: 50 }).send(GET),
    );
    expect(error).toMatchObject({ kind: "timeout", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("bounds the whole body, however steadily it trickles", async () => {
    const server = await startServer((_, response) => {
      const trickle = setInterval(() => response.write("."), 5);
      response.on("close", () => clearInterval(trickle));
    });
    const error = await failureOf(
      openTransport({ origin: server.origin, answerTimeoutMs: 80 }).send(GET),
    );
    expect(error).toMatchObject({ kind: "timeout", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("does not count the answer's time against the connection", async () => {
    const server = await startServer((_, response) => setTimeout(() => response.end("late"), 80));
    const transport = openTransport({
      origin: server.origin,
      connectTimeoutMs: 40,
      answerTimeoutMs: 5_000,
    });
    expect((await transport.send(GET)).body).toBe("late");
  });
});

describe("broken connections", () => {
  it("says that a refused connection was not sent over", async () => {
    const error = await failureOf(
      openTransport({ origin: `http://127.0.0.1:${CLOSED_PORT}` }).send(GET),
    );
    expect(error).toMatchObject({ kind: "connection", isSent: false });
    expect(error.message).toBe(`127.0.0.1:${CLOSED_PORT} could not be reached (ECONNREFUSED)`);
  });

  it("says that a reset one may have been", async () => {
    const server = await startServer((request) => request.socket.resetAndDestroy());
    const error = await failureOf(openTransport({ origin: server.origin }).send(GET));
    expect(error).toMatchObject({ kind: "connection", isSent: true });
  });

  it("notices an answer that ends too early", async () => {
    const server = await startServer((_, response) => {
      response.writeHead(200, { "content-length": "100" });
      response.write('{"secret":', () => response.destroy());
    });
    const error = await failureOf(openTransport({ origin: server.origin }).send(GET));
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
    const error = await failureOf(openTransport({ origin }).send(request));
    expect(error.kind).toBe("connection");
    expect(inspect(error, { depth: null })).not.toContain("PLANTED");
    expect(error.cause).toBeUndefined();
  });

  it("turns a header that cannot be sent into an error that does not quote it", async () => {
    const server = await startAnswering({ body: "" });
    const headers = { authorization: "PLANTED\n" };
    const error = await failureOf(
      openTransport({ origin: server.origin }).send({ ...GET, headers }),
    );
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
    const error = await failureOf(
      openTransport({ origin: server.origin, maxAnswerBytes: 1_000 }).send(GET),
    );
    expect(error).toMatchObject({ kind: "tooLarge", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("counts what a compressed answer becomes", async () => {
    const server = await startServer((_, response) => {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync(Buffer.alloc(1_000_000)));
    });
    const error = await failureOf(
      openTransport({ origin: server.origin, maxAnswerBytes: 10_000 }).send(GET),
    );
    expect(error.kind).toBe("tooLarge");
  });

  it("takes one of exactly the limit", async () => {
    const server = await startAnswering({ body: "x".repeat(1_000) });
    const answer = await openTransport({ origin: server.origin, maxAnswerBytes: 1_000 }).send(GET);
    expect(answer.body).toHaveLength(1_000);
  });
});

describe("cancellation", () => {
  it("does not send for a signal that is aborted already", async () => {
    const server = await startAnswering({ body: "" });
    const error = await failureOf(
      openTransport({ origin: server.origin }).send(GET, AbortSignal.abort()),
    );
    expect(error).toMatchObject({ kind: "aborted", isSent: false });
    expect(server.connections()).toBe(0);
  });

  it("ends a request on the way, and its connection", async () => {
    const server = await startServer(() => {});
    const abort = new AbortController();
    const sent = failureOf(openTransport({ origin: server.origin }).send(GET, abort.signal));
    await expect.poll(() => server.requests.length).toBe(1);
    abort.abort();
    expect(await sent).toMatchObject({ kind: "aborted", isSent: true });
    await expect.poll(() => server.sockets.size).toBe(0);
  });

  it("takes a waiting request out of the line", async () => {
    const pending: (() => void)[] = [];
    const server = await startServer((_, response) => pending.push(() => response.end()));
    const transport = openTransport({ origin: server.origin, connections: 1 });
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
    expect(await failureOf(transport.send(GET))).toMatchObject({ kind: "closed", isSent: false });
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

import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";
import { openConnection, sendRaw, toPost, toRequest } from "./raw-http.ts";

const QUERY = JSON.stringify({ query: "{ __typename }" });
const MiB = 1024 * 1024;

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "abuse" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator),
    sections: { limits: { receiveSeconds: 2 } },
  });
});

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

async function expectAlive() {
  expect(await subgraph.ask("{ __typename }")).toEqual({ data: { __typename: "Query" } });
}

/** What is sent, and the statuses that refuse it; 0 is a closed connection. */
const REFUSED: readonly (readonly [what: string, bytes: string | Buffer, ...statuses: number[]])[] =
  [
    ["no HTTP at all", "hello\r\n\r\n", 400],
    ["a TLS greeting", Buffer.from("160301020001000c", "hex"), 400],
    ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505],
    ["an unknown version", toRequest("GET /graphql HTTP/9.9"), 400, 505],
    ["an unknown method", toRequest("BREW /graphql HTTP/1.1"), 400],
    ["no host", "GET /graphql HTTP/1.1\r\nconnection: close\r\n\r\n", 400],
    ["two hosts", toPost(QUERY, ["host: other"]), 400],
    ["a host that is none", toPost(QUERY).replace("host: localhost", "host: a b"), 400],
    ["a broken host", toPost(QUERY).replace("host: localhost", "host: ["), 400],
    ["lines that end with half an end", toPost(QUERY).replaceAll("\r\n", "\n"), 400],
    [
      "an encoding in disguise",
      `${toRequest("POST /graphql HTTP/1.1", ["transfer-encoding : chunked"])}0\r\n\r\n`,
      400,
    ],
    [
      "a chunk with a book as its extension",
      `${toRequest("POST /graphql HTTP/1.1", ["content-type: application/json", "transfer-encoding: chunked"])}2;${"a".repeat(200_000)}\r\n{}\r\n0\r\n\r\n`,
      400,
      431,
    ],
    ["CONNECT", toRequest("CONNECT evil.example:443 HTTP/1.1"), 0, 400, 404, 405],
    ["TRACE", toRequest("TRACE /graphql HTTP/1.1"), 400, 404, 405],
    ["PURGE", toRequest("PURGE /graphql HTTP/1.1"), 400, 404, 405],
    [
      "a request to become a WebSocket",
      toRequest("GET /graphql HTTP/1.1", ["upgrade: websocket"]),
      400,
    ],
    ["a path upwards", toRequest("GET /../../etc/passwd HTTP/1.1"), 404],
    ["a path upwards in disguise", toRequest("GET /graphql/%2e%2e%2fetc%2fpasswd HTTP/1.1"), 404],
    ["a broken percent sign", toRequest("GET /% HTTP/1.1"), 400, 404],
    ["a broken percent sign behind the path", toRequest("GET /graphql/%zz HTTP/1.1"), 400, 404],
    ["a NUL in the path", toRequest("GET /graphql\0 HTTP/1.1"), 400],
    ["another server's address", toRequest("GET http://evil.example/ HTTP/1.1"), 404],
    ["an address that is none", toRequest("GET http:///graphql HTTP/1.1"), 400, 404],
    ["an asterisk", toRequest("OPTIONS * HTTP/1.1"), 400, 404, 405],
    ["a NUL in a header", toRequest("GET /graphql HTTP/1.1", ["x: a\0b"]), 400],
    ["a header without a name", toRequest("GET /graphql HTTP/1.1", [": x"]), 400],
    ["a header name with a space", toRequest("GET /graphql HTTP/1.1", ["a b: x"]), 400],
    ["a header on two lines", toRequest("GET /graphql HTTP/1.1", ["x: a", " b"]), 400],
    ["a huge header", toRequest("GET /graphql HTTP/1.1", [`x: ${"a".repeat(20_000)}`]), 431],
    [
      "many headers",
      toRequest(
        "GET /graphql HTTP/1.1",
        Array.from({ length: 300 }, (_, index) => `x${index}: a`),
      ),
      431,
    ],
    ["a long URL", toRequest(`GET /graphql?query=${"a".repeat(9000)} HTTP/1.1`), 414],
    ["a very long URL", toRequest(`GET /graphql?query=${"a".repeat(40_000)} HTTP/1.1`), 431],
    ["a length that is no number", toRequest("POST /graphql HTTP/1.1", ["content-length: x"]), 400],
    ["a negative length", toRequest("POST /graphql HTTP/1.1", ["content-length: -1"]), 400],
    [
      "a length beyond counting",
      toRequest("POST /graphql HTTP/1.1", [`content-length: ${"9".repeat(30)}`]),
      400,
    ],
    [
      "two lengths",
      toRequest("POST /graphql HTTP/1.1", ["content-length: 2", "content-length: 3"]),
      400,
    ],
    [
      "a length and chunks",
      `${toRequest("POST /graphql HTTP/1.1", ["content-length: 2", "transfer-encoding: chunked"])}0\r\n\r\n`,
      400,
    ],
    [
      "chunks that are none",
      `${toRequest("POST /graphql HTTP/1.1", ["content-type: application/json", "transfer-encoding: chunked"])}zz\r\n`,
      400,
    ],
    [
      "an encoding nobody knows",
      `${toRequest("POST /graphql HTTP/1.1", ["transfer-encoding: gzip, chunked"])}0\r\n\r\n`,
      400,
      415,
      501,
    ],
    [
      "a compressed bomb",
      Buffer.concat([
        Buffer.from(
          toRequest("POST /graphql HTTP/1.1", [
            "content-type: application/json",
            "content-encoding: gzip",
            `content-length: ${gzipSync(Buffer.alloc(10 * MiB)).length}`,
          ]),
        ),
        gzipSync(Buffer.alloc(10 * MiB)),
      ]),
      415,
    ],
    ["a body in another encoding", toPost(QUERY, ["content-encoding: br"]), 415],
    [
      "a body announced as another charset",
      toPost(QUERY).replace("json", "json; charset=utf-16"),
      415,
    ],
    ["a body of another type", toPost(QUERY).replace("application/json", "text/xml"), 415],
    [
      "a body without a type",
      toPost(QUERY).replace("content-type: application/json\r\n", ""),
      400,
      415,
    ],
    ["a type that is none", toPost(QUERY).replace("application/json", ";;;/"), 400, 415],
    [
      "a form",
      toPost("query=x").replace("application/json", "application/x-www-form-urlencoded"),
      415,
    ],
    ["an upload", toPost("x").replace("application/json", "multipart/form-data; boundary=x"), 415],
    ["plain text", toPost(QUERY).replace("application/json", "text/plain"), 415],
    ["an expectation nobody knows", toPost(QUERY, ["expect: a-miracle"]), 417],
    ["more than a body may have", toPost(`{"query":"${" ".repeat(9 * MiB)}"}`), 413],
    [
      "bytes that are no text",
      Buffer.concat([
        Buffer.from(
          toRequest("POST /graphql HTTP/1.1", [
            "content-type: application/json",
            "content-length: 14",
          ]),
        ),
        Buffer.from('{"query":"'),
        Buffer.from([0xff, 0xfe]),
        Buffer.from('"}'),
      ]),
      400,
    ],
    ["nothing as JSON", toPost(""), 400],
    ["JSON without an end", toPost('{"query":"{ __typename }"'), 400],
    ["a list as JSON", toPost("[]"), 400],
    ["JSON a hundred thousand levels deep", toPost("[".repeat(100_000)), 400],
    [
      "variables a thousand levels deep",
      toPost(`{"query":"{ __typename }","variables":{"a":${"[".repeat(1000)}${"]".repeat(1000)}}}`),
      400,
    ],
    [
      "a million values",
      toPost(`{"query":"{ __typename }","variables":{"a":[${"0,".repeat(1_000_000)}0]}}`),
      400,
    ],
    ["half a code point", toPost('{"query":"\\ud800"}'), 400],
  ];

describe("a request that is not meant well", () => {
  const refused = REFUSED.map(([what, bytes, ...statuses]) => ({ what, bytes, statuses }));

  it.each(refused)("is refused: $what", async ({ bytes, statuses }) => {
    const { status, headers, body, all } = await sendRaw(subgraph.url, bytes);
    expect(statuses, all.slice(0, 300)).toContain(status);
    expect(all).not.toMatch(/node_modules|\.[jt]s:\d|fastify|apollo-server|stack/i);
    if (status !== 0 && body !== "") {
      expect(headers["content-type"]).toContain("application/json");
      expect(JSON.parse(body)).toEqual({
        errors: [
          expect.objectContaining({
            message: expect.any(String),
            extensions: expect.objectContaining({ code: expect.any(String) }),
          }),
        ],
      });
    }
    await expectAlive();
  });
});

/** What is odd, but what HTTP, JSON and GraphQL allow. */
const ANSWERED: readonly (readonly [what: string, bytes: string])[] = [
  ["a client that waits to be told to go on", toPost(QUERY, ["expect: 100-continue"])],
  ["a charset that is spelled in capitals", toPost(QUERY).replace("json", "json; charset=UTF-8")],
  ["the address written out", toPost(QUERY, [], "http://localhost/graphql")],
  [
    "a body in chunks",
    `${toRequest("POST /graphql HTTP/1.1", ["content-type: application/json", "transfer-encoding: chunked"])}${Buffer.byteLength(QUERY).toString(16)}\r\n${QUERY}\r\n0\r\n\r\n`,
  ],
  [
    "keys of prototypes",
    toPost('{"query":"{ __typename }","__proto__":{"x":1},"constructor":{"prototype":{"x":1}}}'),
  ],
  [
    "variables with keys of prototypes",
    toPost('{"query":"{ __typename }","variables":{"__proto__":{"x":1},"a":{"__proto__":1}}}'),
  ],
  ["a number beyond all numbers", toPost('{"query":"{ __typename }","variables":{"a":1e999}}')],
  ["a key twice", toPost('{"query":"{ nothing }","query":"{ __typename }"}')],
  ["no host, as HTTP/1.0 allows", toPost(QUERY).replace("1.1\r\nhost: localhost", "1.0")],
  ["an empty host", toPost(QUERY).replace("host: localhost", "host:")],
  ["a mark of the byte order", toPost(`\ufeff${QUERY}`)],
  ["a long name of the host", toPost(QUERY).replace("localhost", "a".repeat(300))],
];

describe("a request that is odd", () => {
  it.each(ANSWERED)("is answered: %s", async (_what, bytes) => {
    const { all } = await sendRaw(subgraph.url, bytes);
    expect(all).toMatch(/^(HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 /);
    expect(all).toContain('{"data":{"__typename":"Query"}}');
  });

  it("is answered in order when several come at once", async () => {
    const open = (name: string) =>
      toPost(JSON.stringify({ query: `{ ${name}: __typename }` })).replace(
        "connection: close\r\n",
        "",
      );
    const last = toPost(JSON.stringify({ query: "{ last: __typename }" }));
    const { all } = await sendRaw(subgraph.url, `${open("first")}${open("second")}${last}`);
    expect([...all.matchAll(/"(\w+)":"Query"/g)].map(([, name]) => name)).toEqual([
      "first",
      "second",
      "last",
    ]);
  });

  it("does not change what others are answered, whatever prototypes it names", async () => {
    expect(Object.prototype).not.toHaveProperty("x");
    await expectAlive();
  });
});

describe("a client that is slow", () => {
  const SLOW: readonly (readonly [what: string, begin: string, drop: string])[] = [
    ["says nothing", "", ""],
    ["does not finish its headers", "POST /graphql HTTP/1.1\r\nhost: x\r\n", ""],
    ["sends header after header", "POST /graphql HTTP/1.1\r\nhost: x\r\n", "x: y\r\n"],
    ["does not send its body", toPost("x").slice(0, -1), ""],
    [
      "sends its body drop by drop",
      toRequest("POST /graphql HTTP/1.1", [
        "content-type: application/json",
        "content-length: 1000",
      ]),
      "x",
    ],
  ];

  it.each(SLOW)("is cut off when it %s, and nobody waits for it", async (_what, begin, drop) => {
    const socket = await openConnection(subgraph.url);
    let received = "";
    socket.on("data", (chunk) => {
      received += String(chunk);
    });
    const closed = once(socket, "close");
    if (begin !== "") socket.write(begin);
    const dropping = setInterval(() => drop !== "" && socket.writable && socket.write(drop), 100);
    await expectAlive();
    await closed;
    clearInterval(dropping);
    expect(received).toMatch(/^(HTTP\/1\.1 408 .*"REQUEST_TIMEOUT".*)?$/s);
  });

  it("does not keep others waiting, 700 of them neither, and all of them are cut off", async () => {
    const idle = await Promise.all(Array.from({ length: 700 }, () => openConnection(subgraph.url)));
    const closed = Promise.all(idle.map((socket) => once(socket.resume(), "close")));
    for (const socket of idle.slice(350)) socket.write("POST /graphql HTTP/1.1\r\nhost: x\r\n");
    const startedAt = performance.now();
    for (let round = 0; round < 20; round += 1) await expectAlive();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await closed;
  }, 60_000);
});

describe("too many connections", () => {
  it("are closed at once, and counted, and the others go on", async () => {
    const small = await startTestSubgraph({
      connections: toConnections(emulator),
      sections: { limits: { connections: 3 } },
    });
    try {
      const held = [];
      for (let index = 0; index < 3; index += 1) held.push(await openConnection(small.url));
      const refused = await openConnection(small.url);
      await once(refused.resume(), "close");
      const metrics = await (await fetch(`${small.adminUrl}/metrics`)).text();
      expect(metrics).toContain('device_certificates_refused_total{reason="connections"} 1');
      held[0]?.write(toPost(QUERY));
      const [answer] = held[0] === undefined ? [] : await once(held[0], "data");
      expect(String(answer)).toContain("200 OK");
      for (const socket of held) socket.destroy();
    } finally {
      await small.close();
    }
  });
});

describe("what strangers send", () => {
  it("is not logged", () => {
    const lines = subgraph.logged().split("\n").filter(Boolean);
    const loud = lines.filter((line) => JSON.parse(line).level >= 30);
    expect(loud).toEqual([]);
  });

  it("is counted by its reason", async () => {
    const metrics = await (await fetch(`${subgraph.adminUrl}/metrics`)).text();
    for (const reason of [
      "path",
      "method",
      "url",
      "headers",
      "media",
      "body",
      "slow",
      "malformed",
      "variables",
    ])
      expect(metrics).toMatch(
        new RegExp(`device_certificates_refused_total\\{reason="${reason}"\\} [1-9]`),
      );
  });
});

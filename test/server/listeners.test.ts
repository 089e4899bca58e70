import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { openConnection, sendRaw, toPost, toRequest } from "../hostile/raw-http.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

const QUERY = JSON.stringify({ query: "{ __typename }" });

let emulator: Emulator;
let subgraph: TestSubgraph;

beforeEach(async () => {
  emulator = await startEmulator({ fleetSize: 4, seed: "listeners" });
  subgraph = await startTestSubgraph({
    connections: toConnections(emulator),
    sections: {
      server: { host: "localhost", port: 0, adminPort: 0, drainSeconds: 0 },
      limits: { connections: 3, receiveSeconds: 1 },
    },
  });
});

afterEach(async () => {
  await subgraph.close();
  await emulator.close();
});

/** What both addresses of `localhost` must do alike. */
describe.each(["127.0.0.1", "::1"])("the server on localhost, asked at %s", (address) => {
  const toUrl = () => {
    const url = new URL(subgraph.url);
    url.hostname = address.includes(":") ? `[${address}]` : address;
    return url.href;
  };

  it("answers, and refuses what is no request in JSON", async () => {
    expect((await sendRaw(toUrl(), toPost(QUERY))).body).toBe('{"data":{"__typename":"Query"}}');
    for (const [bytes, status] of [
      ["hello\r\n\r\n", 400],
      [toRequest("GET /nothing HTTP/1.1"), 404],
      [toRequest("GET /graphql HTTP/1.1", [`x: ${"a".repeat(20_000)}`]), 431],
    ] as const) {
      const answer = await sendRaw(toUrl(), bytes);
      expect(answer.status).toBe(status);
      expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
      expect(JSON.parse(answer.body).errors).toHaveLength(1);
    }
  });

  it("cuts slow clients off", async () => {
    const socket = await openConnection(toUrl());
    socket.write("POST /graphql HTTP/1.1\r\nhost: x\r\n");
    const [answer] = await once(socket, "data");
    expect(String(answer)).toMatch(/^HTTP\/1\.1 408 .*"REQUEST_TIMEOUT"/s);
    await once(socket, "close");
  });

  it("takes no more connections than it may", async () => {
    const held = [];
    for (let index = 0; index < 3; index += 1) held.push(await openConnection(toUrl()));
    const refused = await openConnection(toUrl());
    await once(refused.resume(), "close");
    for (const socket of held) socket.destroy();
  });

  it("ends its connections when the process does", async () => {
    const url = toUrl();
    const idle = await openConnection(url);
    idle.write(toPost(QUERY).replace("connection: close\r\n", ""));
    await once(idle, "data");
    const ended = once(idle.resume(), "close");
    await subgraph.close();
    await ended;
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });
});

describe("the address that the server tells", () => {
  it("is one that clients on this machine reach it by", () => {
    expect(subgraph.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/graphql$/);
  });
});

import { readFileSync } from "node:fs";
import { ApolloClient, ApolloLink, InMemoryCache } from "@apollo/client";
import { type DocumentNode, print } from "graphql";
import { of } from "rxjs";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { ERROR_CODES } from "../../src/errors.ts";
import { type Frontend, writeFrontend } from "../support/frontend.ts";
import {
  type GraphQLAnswer,
  startTestSubgraph,
  type TestSubgraph,
  toConnections,
} from "../support/subgraph.ts";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const page = read("docs/frontends.md");
const possibleTypes: Record<string, string[]> = JSON.parse(read("schema/possible-types.json"));

let frontend: Frontend;
let emulator: Emulator;
let subgraph: TestSubgraph;
let ids: readonly string[];
let table: DocumentNode;
let badge: DocumentNode;

beforeAll(async () => {
  frontend = await writeFrontend(page);
  const documents = await import(frontend.locate("generated/subgraph.ts"));
  table = documents.CertificateTableDocument;
  badge = documents.ExpiryBadgeDocument;
  emulator = await startEmulator({ fleetSize: 8 });
  subgraph = await startTestSubgraph({ connections: toConnections(emulator) });
  ids = emulator.fleet.products.map((product) => product.at(1).id);
}, 120_000);

afterAll(async () => {
  await subgraph?.close();
  await emulator?.close();
});

describe("generated code", () => {
  it("compiles, with all of docs/frontends.md that is TypeScript", () => {
    expect(frontend.files.length).toBeGreaterThan(5);
    expect(page.match(/^```tsx?$/gm)).toHaveLength(frontend.files.length);
    expect(frontend.compile()).toBe("");
  });

  it.each([
    ["a field that its fragment forgot", "certificate.issuer", "TS2339"],
    [
      "a field that one type alone has, before asking for the type",
      "certificate.notAfter",
      "TS2339",
    ],
    [
      "a value that may be null as if it could not",
      '"notAfter" in certificate && certificate.notAfter.length',
      "TS18047",
    ],
  ])("does not compile with %s", async (_what, expression, code) => {
    const source = `import type { ExpiryBadgeFragment } from "./generated/supergraph.ts";
export const use = (certificate: ExpiryBadgeFragment) => ${expression};
`;
    await frontend.write("mistake.ts", source);
    const output = frontend.compile();
    await frontend.remove("mistake.ts");
    expect(output).toContain(code);
    expect(output.match(/error TS/g)).toHaveLength(1);
  });

  it("knows the possible types that schema/possible-types.json has", async () => {
    const { default: generated } = await import(frontend.locate("generated/possible-types.ts"));
    expect(generated.possibleTypes).toEqual(possibleTypes);
  });
});

describe("Apollo Client, as docs/frontends.md makes it", () => {
  async function createClient(): Promise<ApolloClient> {
    return (await import(frontend.locate("client.ts"))).createClient(subgraph.url);
  }

  it("matches fragments on both interfaces in the cache", async () => {
    const client = await createClient();
    const { data } = await client.query({ query: table, variables: { ids } });
    expect(data).toMatchObject({
      deviceCertificates: [
        { __typename: "TencentMqttDeviceCertificate", commonName: expect.any(String) },
        { __typename: "TencentSslCertificate", commonName: expect.any(String) },
        { __typename: "AliyunIotDeviceCertificate", commonName: expect.any(String) },
        { __typename: "AliyunMqttDeviceCredential", deviceAccessKeyId: expect.any(String) },
      ],
    });
    for (const id of ids)
      expect(client.readQuery({ query: badge, variables: { id } })).toMatchObject({
        deviceCertificate: { id, status: expect.any(String), stale: false },
      });
  });

  it("keeps a certificate once, under its type and id", async () => {
    const client = await createClient();
    await client.query({ query: table, variables: { ids } });
    const keys = Object.keys(JSON.parse(JSON.stringify(client.cache.extract())));
    for (const id of ids) expect(keys.filter((key) => key.endsWith(`:${id}`))).toHaveLength(1);
  });

  it("shows nothing of such fragments without the possible types", async () => {
    const { data }: GraphQLAnswer = await subgraph.ask(print(table), { ids });
    const write = (cache: InMemoryCache) => {
      cache.writeQuery({ query: table, variables: { ids }, data });
      return JSON.stringify(cache.extract());
    };
    expect(write(new InMemoryCache({ possibleTypes }))).toContain("daysUntilExpiry");
    // It says so on the console.
    const consoleError = vi.spyOn(console, "error").mockImplementation(() => {});
    const without = new InMemoryCache();
    write(without);
    expect(without.readQuery({ query: table, variables: { ids } })).not.toEqual(data);
    consoleError.mockRestore();
  });

  it("shows what came and says what did not, when one cloud fails", async () => {
    emulator.setFault("aliyun-iot", { kind: "html502" });
    const other = emulator.fleet.aliyunIot.at(5).id;
    const client = await createClient();
    const { data, error } = await client.query({
      query: table,
      variables: { ids: [ids[0], other] },
      errorPolicy: "all",
    });
    emulator.setFault("aliyun-iot", null);
    expect(data).toMatchObject({ deviceCertificates: [{ id: ids[0] }, null] });
    const { toErrorText } = await import(frontend.locate("error-text.ts"));
    const { toRetryAfterMs } = await import(frontend.locate("retry.ts"));
    expect(toErrorText(error)).toBe("The cloud does not answer just now.");
    expect(toRetryAfterMs(error)).toBeGreaterThan(0);
    expect([toErrorText(undefined), toRetryAfterMs(undefined)]).toEqual([null, null]);
    expect(toErrorText(new TypeError("fetch failed"))).toBe("The server cannot be reached.");
  });
});

describe("the device page of docs/frontends.md", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const device = (certificateAvailability: string, certificate: object | null = null) => ({
    device: {
      __typename: "Device",
      id: "1",
      name: "Pump",
      site: "Hall 3",
      certificateAvailability,
      certificate,
    },
  });
  const late = (extensions: Record<string, unknown>) => [
    { message: "Too late.", path: ["device", "certificate"], extensions },
  ];

  /** Lets a page run against answers that are given in turn, the last one for ever. */
  async function watch(...answers: readonly ApolloLink.Result[]) {
    vi.useFakeTimers();
    vi.spyOn(Math, "random").mockReturnValue(0);
    let asked = 0;
    const link = new ApolloLink(() => {
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      return of(answer ?? { data: null });
    });
    const client = new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes }) });
    const shown: (string | undefined)[] = [];
    const { watchDevicePage } = await import(frontend.locate("device-page.ts"));
    const leave: () => void = watchDevicePage(
      client,
      "1",
      (state: { device: { certificateAvailability: string } | undefined }) =>
        shown.push(state.device?.certificateAvailability),
    );
    await vi.advanceTimersByTimeAsync(0);
    return { leave, shown, asked: () => asked };
  }

  it("asks again when the error says so, and not before", async () => {
    const { shown, asked } = await watch(
      { data: device("DELAYED"), errors: late({ code: "PROVIDER_TIMEOUT", retryAfterMs: 700 }) },
      { data: device("NOT_FOUND") },
    );
    expect(shown).toEqual(["DELAYED"]);
    await vi.advanceTimersByTimeAsync(699);
    expect(asked()).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(shown).toEqual(["DELAYED", "NOT_FOUND"]);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(asked()).toBe(2);
  });

  it("asks again behind a gateway that hides errors, a few times", async () => {
    const { asked, leave } = await watch({ data: device("DELAYED") });
    await vi.advanceTimersByTimeAsync(1_000_000);
    expect(asked()).toBe(6);
    leave();
  });

  it("asks no more when it is left, or when asking does not help", async () => {
    const retriable = await watch({
      data: device("UNAVAILABLE"),
      errors: late({ code: "PROVIDER_UNAVAILABLE", retryAfterMs: 50 }),
    });
    retriable.leave();
    const denied = await watch({
      data: device("DENIED"),
      errors: late({ code: "PROVIDER_DENIED" }),
    });
    await vi.advanceTimersByTimeAsync(100_000);
    expect([retriable.asked(), denied.asked()]).toEqual([1, 1]);
  });

  it.each([
    [
      { status: "ACTIVE", daysUntilExpiry: 12 },
      { text: "12 days left", tone: "warning" },
    ],
    [
      { status: "ACTIVE", daysUntilExpiry: 300 },
      { text: "300 days left", tone: "good" },
    ],
    [
      { status: "ACTIVE", daysUntilExpiry: null },
      { text: "Active", tone: "good" },
    ],
    [{ status: "ACTIVE" }, { text: "Active", tone: "good" }],
    [
      { status: "EXPIRED", stale: true },
      { text: "Expired (as of earlier)", tone: "bad" },
    ],
    [{ status: "SOMETHING_NEW" }, { text: "Unknown", tone: "unknown" }],
  ])("has a badge for a certificate with %o", async (certificate, badge) => {
    const { toDeviceBadge } = await import(frontend.locate("expiry-badge.ts"));
    expect(toDeviceBadge({ certificate, certificateAvailability: "AVAILABLE" })).toEqual(badge);
  });
});

describe("docs/frontends.md", () => {
  it("says what to show for every code", () => {
    const rows = page.match(/^\| `[A-Z_]+` \|/gm) ?? [];
    const codes = rows.map((row) => row.replace(/[|` ]/g, ""));
    expect(codes.toSorted()).toEqual(Object.keys(ERROR_CODES).sort());
  });

  it("shows fragments as they stand in test/operations", () => {
    for (const [, block = ""] of page.matchAll(/^```graphql\n(.*?)^```$/gms))
      expect(read("test/operations/expiry-badge.graphql")).toContain(block.trim());
  });
});

import "reflect-metadata";
import { ApolloServer } from "@apollo/server";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { ProviderError } from "../../src/errors.ts";
import type { Answer } from "../../src/server/answer.ts";
import { type Engine, startEngine } from "../../src/server/engine.ts";
import { createMetrics } from "../../src/server/metrics.ts";
import { LIST, QUESTIONS } from "../execution/questions.ts";
import { MAX_ENTITIES, openScene, type Scene } from "../execution/scene.ts";

const COST = 2_000;

let scene: Scene;
let engine: Engine;

const askedOfApollo = vi.spyOn(ApolloServer.prototype, "executeHTTPGraphQLRequest");

beforeAll(async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date("2026-11-22T13:25:46.789Z") });
  scene = await openScene();
  engine = await startTestEngine();
});

afterEach(() => {
  askedOfApollo.mockClear();
});

afterAll(async () => {
  vi.useRealTimers();
  await engine?.stop();
  await scene?.close();
});

function startTestEngine(): Promise<Engine> {
  return startEngine({
    schema: scene.schema,
    limits: { tokens: 10_000, cost: COST, errors: 100, maxEntities: MAX_ENTITIES },
    isPublic: true,
    allowsTraces: true,
    log: pino({ level: "silent" }),
    metrics: createMetrics({ countRequests: () => 0 }),
  });
}

interface Posted {
  readonly headers?: Readonly<Record<string, string>>;
  readonly scopes?: readonly string[] | undefined;
}

function post(body: unknown, { headers = {}, scopes }: Posted = {}): Promise<Answer> {
  const type = { "content-type": "application/json" };
  return engine.answer(
    { method: "POST", headers: { ...type, ...headers }, search: "", body },
    scene.createContext(scopes),
  );
}

/** With the errors in order, since there is none promised, and without what changes all the time. */
function toShown({ status, headers, body = "" }: Answer) {
  const { errors, ...rest } = JSON.parse(String(body));
  const texts = errors?.map((error: unknown) => JSON.stringify(error)).sort();
  const text = JSON.stringify({ ...rest, errors: texts });
  const { "content-length": _, "cache-control": policy = "", ...others } = headers;
  return {
    status,
    policy: policy.replace(/\d+/, "N"),
    headers: others,
    text: text.replaceAll(/\\"retryAfterMs\\":\d+/g, "").replaceAll(/T13:25:4\d/g, ""),
  };
}

describe("an operation that was asked before", () => {
  it.each(Object.entries(QUESTIONS))(
    "is answered as Apollo Server answers it: %s",
    async (_, toQuestion) => {
      const { query, variables, operationName, scopes } = toQuestion(scene);
      const body = { query, variables, operationName };
      // Whatever has extensions is Apollo Server's.
      const others = { ...body, extensions: {} };
      await post(body, { scopes });
      const expected = toShown(await post(others, { scopes }));
      expect(toShown(await post(body, { scopes }))).toEqual(expected);
      expect(toShown(await post(body, { scopes }))).toEqual(expected);
    },
  );

  it("is not asked of Apollo Server again, with whichever variables", async () => {
    const query = "query Again($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
    await post({ query, variables: { ids: scene.ids } });
    expect(askedOfApollo).toHaveBeenCalledOnce();
    const { status, body } = await post({ query, variables: { ids: scene.ids.slice(1) } });
    expect(askedOfApollo).toHaveBeenCalledOnce();
    expect(status).toBe(200);
    expect(JSON.parse(String(body)).data.deviceCertificates).toHaveLength(scene.ids.length - 1);
  });

  it("is executed once, also when Apollo Server has to tell what went wrong", async () => {
    const query = "query Wrong($ids: [ID!]!) { deviceCertificates(ids: $ids) { id } }";
    const variables = { ids: [scene.ids[0], "malformed"] };
    await post({ query, variables });
    const context = scene.createContext();
    const loadMany = vi.spyOn(context.certificates, "loadMany");
    const answer = await engine.answer(
      {
        method: "POST",
        headers: { "content-type": "application/json" },
        search: "",
        body: { query, variables },
      },
      context,
    );
    expect(askedOfApollo).toHaveBeenCalledTimes(2);
    expect(loadMany).toHaveBeenCalledOnce();
    expect(JSON.parse(String(answer.body)).errors).toHaveLength(1);
  });

  it("is told of clouds that failed, in many places, as by Apollo Server and without it", async () => {
    const origin = { provider: "aliyun-iot", connection: 'a "connection" 元' };
    const late = new ProviderError("PROVIDER_THROTTLED", {
      origin,
      message: `It is on its way. ${"x".repeat(400)}`,
      retryAfterMs: 1_300,
    });
    const broken = new ProviderError("PROVIDER_UNAVAILABLE", { origin, message: "It is broken." });
    const query = `query Failed($ids: [ID!]!) {
      a: deviceCertificates(ids: $ids) { id }
      b: deviceCertificates(ids: $ids) { status }
      c: deviceCertificate(id: "") { id }
    }`;
    const plain = { query, variables: { ids: scene.ids } };
    const answerWith = (found: readonly (Error | null)[], body: object) => {
      const context = scene.createContext();
      vi.spyOn(context.certificates, "loadMany").mockReturnValue([...found]);
      vi.spyOn(context.certificates, "loadById").mockRejectedValue(broken);
      const headers = { "content-type": "application/json" };
      return engine.answer({ method: "POST", headers, search: "", body }, context);
    };
    const compare = async (found: readonly (Error | null)[]) => {
      const { headers, ...expected } = await answerWith(found, { ...plain, extensions: {} });
      askedOfApollo.mockClear();
      const { "content-length": _, ...others } = headers;
      const ours = await answerWith(found, plain);
      expect(ours).toMatchObject({ ...expected, headers: others });
      return { errors: JSON.parse(String(ours.body)).errors, asked: askedOfApollo.mock.calls };
    };
    await answerWith([], plain);
    const { errors, asked } = await compare([late, null, broken, late, late]);
    expect(errors).toHaveLength(9);
    expect(asked).toHaveLength(0);
    // What else goes wrong beside it, and too much of it, is Apollo Server's to tell.
    expect((await compare([late, new Error("unforeseen")])).asked).toHaveLength(1);
    expect((await compare(Array<Error>(50).fill(late))).errors).toHaveLength(1);
  });

  it("has the media type that the request accepts, each time", async () => {
    const body = { query: LIST, variables: { ids: scene.ids } };
    const accepted = {
      "*/*": "application/json; charset=utf-8",
      "application/graphql-response+json, application/json;q=0.9":
        "application/graphql-response+json; charset=utf-8",
      "application/json": "application/json; charset=utf-8",
    };
    for (let round = 0; round < 3; round += 1) {
      for (const [accept, expected] of Object.entries(accepted)) {
        const { status, headers } = await post(body, { headers: { accept } });
        expect([status, headers["content-type"]]).toEqual([200, expected]);
      }
      const { status } = await post(body, { headers: { accept: "text/html" } });
      expect(status).toBe(406);
    }
  });

  it.each([
    ["traces", {}, { "apollo-federation-include-trace": "ftv1" }, 200],
    ["a persisted query", { extensions: { persistedQuery: { version: 1 } } }, {}, 200],
    ["extensions that are none", { extensions: 7 }, {}, 400],
    ["variables as a text", { variables: "{}" }, {}, 400],
    ["variables as a list", { variables: [] }, {}, 400],
    ["another name than a text", { operationName: 7 }, {}, 400],
    ["an operation that is not there", { operationName: "Other" }, {}, 400],
  ])("is asked of Apollo Server with %s", async (_, members, headers, expected) => {
    const body = { query: LIST, variables: { ids: scene.ids } };
    await post(body);
    askedOfApollo.mockClear();
    for (let count = 1; count <= 2; count += 1) {
      const { status } = await post({ ...body, ...members }, { headers });
      expect(status).toBe(expected);
      expect(askedOfApollo).toHaveBeenCalledTimes(count);
    }
  });

  it("is still refused when it asks for too much this time", async () => {
    const fields = Array.from({ length: 100 }, (_, n) => `f${n}: id`).join(" ");
    const query = `query ($ids: [ID!]!) { deviceCertificates(ids: $ids) { ${fields} } }`;
    await post({ query, variables: { ids: scene.ids.slice(0, 2) } });
    const ids = Array.from({ length: MAX_ENTITIES }, () => scene.ids[0]);
    const { status, body } = await post({ query, variables: { ids } });
    expect(status).toBe(400);
    expect(JSON.parse(String(body)).errors[0].extensions).toEqual({
      code: "BAD_USER_INPUT",
      limit: COST,
    });
  });
});

describe("a question by GET", () => {
  it("is Apollo Server's, however often it comes", async () => {
    const search = `?query=${encodeURIComponent("{ __typename }")}`;
    for (let count = 1; count <= 2; count += 1) {
      const answer = await engine.answer(
        { method: "GET", headers: { "apollo-require-preflight": "1" }, search, body: undefined },
        scene.createContext(),
      );
      expect(JSON.parse(String(answer.body))).toEqual({ data: { __typename: "Query" } });
      expect(askedOfApollo).toHaveBeenCalledTimes(count);
    }
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeJoinedQueries } from "./joined-queries.ts";
import { type Scene, START_WITHIN_MS, startPart, startScene, type TestGateway } from "./scene.ts";
import { describeStubQueries } from "./stub-queries.ts";

describeJoinedQueries("apollo", { takesAuthorizationDirectives: false, keepsListPlaces: true });

describe("Apollo Gateway in front of stubs and a directory", () => {
  let scene: Scene;
  let gateway: TestGateway;

  beforeAll(async () => {
    scene = await startScene({
      wayToJoin: "stubs",
      sections: { answer: { withinMs: 60_000 }, schema: { authorizationDirectives: false } },
    });
    gateway = await scene.startGateway("apollo", { TIME_LIMIT_MS: "4000" });
  }, START_WITHIN_MS);

  afterAll(() => scene?.close());

  describeStubQueries(() => ({ scene, gateway }));

  describe("a stub", () => {
    it("that the cloud does not have is null, without an error", async () => {
      const answer = await gateway.ask(
        "query ($id: ID!) { device(id: $id) { clientCertificate { __typename status } } }",
        { id: scene.deviceOfUnknown },
      );
      expect(answer).toEqual({ data: { device: { clientCertificate: null } } });
    });

    it("whose cloud refuses is null, with an error at its place", async () => {
      const ids = [...scene.certificateIds.keys()].slice(4, 8);
      scene.emulator.setFault("aliyun-iot", { kind: "denied" });
      const { data, errors } = await gateway.ask(
        "query ($ids: [ID!]) { devices(ids: $ids) { clientCertificate { status } } }",
        { ids },
      );
      scene.emulator.setFault("aliyun-iot", null);
      expect(data.devices[2].clientCertificate).toBeNull();
      expect(data.devices[3].clientCertificate.status).toBe("ACTIVE");
      expect(errors).toMatchObject([
        { path: ["devices", 2, "clientCertificate"], extensions: { code: "PROVIDER_DENIED" } },
      ]);
    });
  });

  // docs/federation.md tells users of it: when this fails, the gateway has been mended and the page has to change.
  describe("a known defect: a fragment on an interface between, below a stub", () => {
    const ask = (selection: string) =>
      gateway.ask(`query ($id: ID!) { device(id: $id) { ${selection} } }`, {
        id: [...scene.certificateIds.keys()][0],
      });

    it("fails the whole operation", async () => {
      const { data, errors } = await ask(
        "clientCertificate { ... on X509DeviceCertificate { subject } }",
      );
      expect(data).toBeUndefined();
      expect(errors?.[0]?.message).toContain("We should have an edge from DeviceCertificate");
    });

    it("works with a fragment on each concrete type, and below any other field", async () => {
      const { data, errors } = await ask(`
        clientCertificate { ... on TencentMqttDeviceCertificate { subject } }
        certificate { ... on X509DeviceCertificate { subject } }`);
      expect(errors).toBeUndefined();
      const { subject } = data.device.certificate;
      expect(subject).toContain("CN=");
      expect(data.device.clientCertificate).toEqual({ subject });
    });
  });
});

describe("a schema with @requiresScopes", () => {
  let scene: Scene;

  beforeAll(async () => {
    scene = await startScene({ wayToJoin: "directory" });
  }, START_WITHIN_MS);

  afterAll(() => scene?.close());

  it("is refused by Apollo Gateway when it starts: schema.authorizationDirectives: false is the way", async () => {
    const gateway = startPart("apollo-gateway.ts", [
      ...["--supergraph", scene.supergraph],
      ...["--port", "0"],
    ]);
    const { code, said } = await gateway.ended;
    expect(code).toBe(1);
    expect(said).toMatch(/requiresScopes\S* is for: SECURITY but is unsupported/);
  });
});

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeJoinedQueries } from "./joined-queries.ts";
import { type Scene, START_WITHIN_MS, startScene, type TestGateway } from "./scene.ts";
import { describeStubQueries } from "./stub-queries.ts";

// Its errors lack the place in a list: docs/federation.md tells users of it.
describeJoinedQueries("hive", { takesAuthorizationDirectives: true, keepsListPlaces: false });

describe("Hive Gateway in front of stubs and a directory", () => {
  let scene: Scene;
  let gateway: TestGateway;

  beforeAll(async () => {
    scene = await startScene({
      wayToJoin: "stubs",
      sections: { answer: { withinMs: 60_000 } },
    });
    gateway = await scene.startGateway("hive", { TIME_LIMIT_MS: "4000" });
  }, START_WITHIN_MS);

  afterAll(() => scene?.close());

  describeStubQueries(() => ({ scene, gateway }));

  const askStub = (selection: string, id: string | undefined) =>
    gateway.ask(`query ($id: ID!) { device(id: $id) { clientCertificate { ${selection} } } }`, {
      id,
    });

  // docs/federation.md tells users of it: when this fails, the gateway has been mended and the page has to change.
  describe("a known defect: a fragment on an interface between, alone below a stub", () => {
    it("gives null and an error, and works beside any field", async () => {
      const [id] = scene.certificateIds.keys();
      const alone = await askStub("... on X509DeviceCertificate { subject }", id);
      expect(alone.data.device.clientCertificate).toBeNull();
      expect(alone.errors?.[0]?.message).toContain("was resolved to a non-object type");
      const beside = await askStub("id ... on X509DeviceCertificate { subject }", id);
      expect(beside.errors).toBeUndefined();
      expect(beside.data.device.clientCertificate.subject).toContain("CN=");
    });
  });

  describe("a known defect: a stub that the cloud does not have", () => {
    it("is null as it must be, with an error that nobody needs", async () => {
      const { data, errors } = await askStub("__typename status", scene.deviceOfUnknown);
      expect(data.device.clientCertificate).toBeNull();
      expect(errors?.[0]?.message).toContain("was resolved to a non-object type");
    });
  });

  describe("a known defect: an error below a stub", () => {
    it("is not told, and is told where the certificate comes from the directory", async () => {
      const ids = [...scene.certificateIds.keys()].slice(4, 8);
      scene.emulator.setFault("aliyun-iot", { kind: "denied" });
      const ask = (field: string) =>
        gateway.ask(`query ($ids: [ID!]) { devices(ids: $ids) { ${field} } }`, { ids });
      const stubs = await ask("clientCertificate { status }");
      const joined = await ask("certificateAvailability certificate { status }");
      scene.emulator.setFault("aliyun-iot", null);

      expect(stubs.data.devices[2].clientCertificate).toBeNull();
      expect(stubs.data.devices[3].clientCertificate.status).toBe("ACTIVE");
      expect(stubs.errors).toBeUndefined();

      expect(joined.data.devices[2]).toEqual({
        certificateAvailability: "DENIED",
        certificate: null,
      });
      expect(joined.errors?.map(({ extensions }) => extensions["code"])).toEqual([
        "PROVIDER_DENIED",
      ]);
    });
  });
});

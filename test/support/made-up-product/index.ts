// A product of a cloud that does not exist: what somebody writes who adds one.
import type { CertificateProduct } from "../../../src/device-certificate/product.ts";
import { AcmeDeviceCertificate } from "./certificate.ts";
import { createAcmeClient } from "./client.ts";
import { acmeCloud } from "./cloud.ts";
import { getCertificate } from "./limits.ts";
import { toFacts } from "./mapper.ts";

export const acmeRockets: CertificateProduct = {
  prefix: "acme-rockets",
  cloud: acmeCloud,
  endpoint: { name: "rockets", originOf: (region) => `https://rockets.${region}.acme.example` },
  limits: [getCertificate],
  key: [
    {
      name: "Rocket",
      argument: "rocket",
      description: "The rocket that carries it.",
      isId: true,
      pattern: { regExp: /^R-\d+$/, expected: "R- and a number" },
    },
  ],
  certificateType: AcmeDeviceCertificate,
  rootField: { name: "acmeDeviceCertificate", description: "A certificate of Acme Cloud." },
  detailFields: new Set(),

  connect(connection) {
    const client = createAcmeClient(connection, {
      provider: acmeRockets.prefix,
      connection: connection.name,
    });
    const caller = connection.caller(getCertificate);
    return {
      fetch: (requests) =>
        requests.map(async ({ key: [rocket = ""], ticket }) => {
          const certificate = await caller.call(() => client.getCertificate(rocket), {
            tickets: [ticket],
          });
          if (certificate === null) return null;
          const tenant = String(connection.settings["tenant"]);
          return { facts: toFacts(rocket, tenant, certificate), hasDetail: true };
        }),
    };
  },
};

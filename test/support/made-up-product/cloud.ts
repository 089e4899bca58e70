import { z } from "zod";
import type { Cloud } from "../../../src/device-certificate/product.ts";
import { createStaticSource } from "../../../src/providers/credentials.ts";
import { Secret } from "../../../src/secret.ts";

export const acmeCloud: Cloud = {
  name: "acme",
  provider: "ACME_CLOUD",
  title: "Acme Cloud",
  settings: { tenant: z.string().min(1).describe("The tenant that the certificates belong to.") },
  exampleRegion: "moon-1",
  openCredentialChain: async () =>
    createStaticSource({ accessKeyId: "none", accessKeySecret: new Secret("none") }),
};

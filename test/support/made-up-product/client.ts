import { z } from "zod";
import type { Connection } from "../../../src/device-certificate/product.ts";
import { type CallOrigin, ProviderError } from "../../../src/errors.ts";
import { readAnswer, text } from "../../../src/providers/answer.ts";

const AcmeCertificate = z.object({ payload: text, state: text, pem: text });

export type AcmeCertificate = z.output<typeof AcmeCertificate>;

export function createAcmeClient({ transport }: Connection, origin: CallOrigin) {
  return {
    /** `null` when there is none. */
    async getCertificate(rocket: string): Promise<AcmeCertificate | null> {
      const { status, body } = await transport.send({
        method: "GET",
        path: `/certificates/${encodeURIComponent(rocket)}`,
        headers: {},
      });
      if (status === 404) return null;
      if (status !== 200) {
        throw new ProviderError("PROVIDER_UNAVAILABLE", {
          origin,
          message: "Acme could not answer.",
          retryAfterMs: 100,
        });
      }
      return readAnswer(AcmeCertificate, JSON.parse(body), origin);
    },
  };
}

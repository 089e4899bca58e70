// Tencent Cloud SSL Certificates.
import { joinSegments } from "../../../certificate-id/text.ts";
import type { CertificateProduct } from "../../../device-certificate/product.ts";
import { createMismatchError, toNullWhenNotFound } from "../../answer.ts";
import { createBatchedSource } from "../../batched-source.ts";
import { createListingMemory } from "../../listing-memory.ts";
import { tencentCloud } from "../cloud.ts";
import { DETAIL_FIELDS, SHARING, TencentSslCertificate } from "./certificate.ts";
import { type CertificateItem, createTencentSslClient } from "./client.ts";
import { describeCertificate, describeCertificates, MAX_LISTED } from "./limits.ts";
import { toFactsOfDetail, toFactsOfItem } from "./mapper.ts";

export const tencentSsl: CertificateProduct = {
  prefix: "tencent-ssl",
  cloud: tencentCloud,
  endpoint: { name: "ssl", originOf: () => "https://ssl.tencentcloudapi.com" },
  limits: [describeCertificate, describeCertificates],
  key: [
    {
      name: "CertificateId",
      argument: "certificateId",
      description: "The certificate's id in Tencent Cloud.",
      isId: true,
    },
  ],
  certificateType: TencentSslCertificate,
  rootField: {
    name: "tencentSslCertificate",
    description:
      "A certificate of Tencent Cloud SSL Certificates; null when the cloud has no such certificate.",
  },
  detailFields: new Set(DETAIL_FIELDS),
  sharing: SHARING,

  connect(connection) {
    const origin = { provider: tencentSsl.prefix, connection: connection.name };
    const client = createTencentSslClient(connection, origin);
    const single = connection.caller(describeCertificate);

    const source = createBatchedSource<CertificateItem>({
      single,
      list: connection.caller(describeCertificates),
      memory: createListingMemory(origin, connection.log),
      maxValues: MAX_LISTED,
      groupOf: () => "all",
      valuesOf: ({ key }) => key,
      keyOf: ({ key: [certificateId = ""] }) => certificateId,
      keyOfItem: ({ CertificateId }) => CertificateId,
      sendList: (_, certificateIds, signal) => client.describeCertificates(certificateIds, signal),
      toReading: (item) => ({ facts: toFactsOfItem(item), hasDetail: false }),
      fetchOne: async ({ key: [certificateId = ""], ticket }) => {
        const detail = await single
          .call((signal) => client.describeCertificate(certificateId, signal), {
            tickets: [ticket],
          })
          .catch(toNullWhenNotFound);
        // An answer without an id is how the cloud may say that there is none.
        if (!detail?.CertificateId) return null;
        if (detail.CertificateId !== certificateId) throw createMismatchError(origin);
        const id = joinSegments(origin.provider, origin.connection, [certificateId]);
        return { facts: toFactsOfDetail(detail, id), hasDetail: true };
      },
    });
    return {
      ...source,
      secrets: {
        keyPassword: async ({ key: [certificateId = ""], ticket, isNeeded }) => {
          const detail = await single
            .call((signal) => client.describeKeyPassword(certificateId, signal), {
              tickets: [ticket],
              isNeeded,
            })
            .catch(toNullWhenNotFound);
          if (!detail?.CertificateId) return null;
          if (detail.CertificateId !== certificateId) throw createMismatchError(origin);
          return detail.SubmittedData?.KeyPassword ?? null;
        },
      },
    };
  },
};

// Tencent SSL Certificates, version 2019-12-05: the single call and the list call.
// https://cloud.tencent.com/document/api/400/41674 and https://cloud.tencent.com/document/api/400/41671
import { z } from "zod";
import { CloudRefusal } from "./api.ts";
import type { FleetProduct } from "./fleet-product.ts";
import type { TencentSslCertificate } from "./fleet-tencent-ssl.ts";
import { defineTencentAction, type TencentAction } from "./tencent-gateway.ts";

export const TENCENT_SSL_VERSION = "2019-12-05";

/** A larger Limit is taken for this one, without an error. */
const MAX_LIMIT = 1000;

const SINGLE_PARAMETERS = z.strictObject({ CertificateId: z.string() });

const LIST_PARAMETERS = z.strictObject({
  CertIds: z.array(z.string()).optional(),
  CertificateStatus: z.array(z.int()).optional(),
  SearchKey: z.string().optional(),
  Limit: z.int().min(0).default(10),
  Offset: z.int().min(0).default(0),
});

export function createTencentSslActions(
  fleet: FleetProduct<TencentSslCertificate>,
): Readonly<Record<string, TencentAction>> {
  return {
    DescribeCertificate: defineTencentAction(SINGLE_PARAMETERS, ({ CertificateId }) => {
      const certificate = fleet.find(CertificateId);
      if (certificate === undefined) {
        throw new CloudRefusal(
          "FailedOperation.CertificateNotFound",
          "The certificate does not exist.",
        );
      }
      return certificate.toDetail();
    }),
    DescribeCertificates: defineTencentAction(LIST_PARAMETERS, (parameters) => {
      const { CertIds, CertificateStatus, SearchKey, Limit, Offset } = parameters;
      const ids = CertIds === undefined ? null : new Set(CertIds);
      // Ids that do not exist or are not this account's are left out without a word.
      const found = fleet
        .all()
        .filter(({ certificateId }) => ids === null || ids.has(certificateId))
        .filter(({ statusCode }) => CertificateStatus?.includes(statusCode) ?? true)
        .filter(({ domain }) => SearchKey === undefined || domain.includes(SearchKey))
        .sort((left, right) => right.insertedAt.getTime() - left.insertedAt.getTime());
      return {
        TotalCount: found.length,
        Certificates: found
          .slice(Offset, Offset + Math.min(Limit, MAX_LIMIT))
          .map((certificate) => certificate.toItem()),
      };
    }),
  };
}

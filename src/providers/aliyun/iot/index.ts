// Alibaba Cloud IoT Platform: the X.509 certificates of devices.
import type { CertificateProduct, Connection } from "../../../device-certificate/product.ts";
import { toNullWhenNotFound } from "../../answer.ts";
import { aliyunCloud } from "../cloud.ts";
import { AliyunIotDeviceCertificate, SHARING } from "./certificate.ts";
import { createAliyunIotClient } from "./client.ts";
import { queryDeviceCert } from "./limits.ts";
import { READY, toFacts } from "./mapper.ts";

export const aliyunIot: CertificateProduct = {
  prefix: "aliyun-iot",
  cloud: aliyunCloud,
  endpoint: { name: "iot", originOf: (region) => `https://iot.${region}.aliyuncs.com` },
  limits: [queryDeviceCert],
  key: [
    {
      name: "ProductKey",
      argument: "productKey",
      description: "The product that the device belongs to.",
      isId: true,
    },
    {
      name: "DeviceName",
      argument: "deviceName",
      description: "The device's name within its product.",
      isId: false,
    },
  ],
  certificateType: AliyunIotDeviceCertificate,
  rootField: {
    name: "aliyunIotDeviceCertificate",
    description:
      "The X.509 certificate of a device of Alibaba Cloud IoT Platform; null when the cloud has no such device.",
  },
  detailFields: new Set(),
  sharing: SHARING,

  connect(connection) {
    const origin = { provider: aliyunIot.prefix, connection: connection.name };
    const client = createAliyunIotClient(connection, origin);
    const caller = connection.caller(queryDeviceCert);
    const iotInstanceId = findIotInstanceId(connection);

    return {
      fetch: (requests) =>
        requests.map(async ({ key: [productKey = "", deviceName = ""], ticket }) => {
          const info = await caller
            .call(
              (signal) => client.queryDeviceCert(productKey, deviceName, iotInstanceId, signal),
              { tickets: [ticket] },
            )
            .catch(toNullWhenNotFound);
          if (info === null) return null;
          return {
            facts: toFacts({ productKey, deviceName, iotInstanceId }, info),
            hasDetail: true,
          };
        }),
      secrets: {
        privateKey: async ({ key: [productKey = "", deviceName = ""], ticket, isNeeded }) => {
          const info = await caller
            .call(
              (signal) => client.queryPrivateKey(productKey, deviceName, iotInstanceId, signal),
              { tickets: [ticket], isNeeded },
            )
            .catch(toNullWhenNotFound);
          return info?.Status === READY ? info.PrivateKey : null;
        },
      },
    };
  },
};

function findIotInstanceId({ settings }: Connection): string | null {
  const { iotInstanceId } = settings;
  return typeof iotInstanceId === "string" ? iotInstanceId : null;
}

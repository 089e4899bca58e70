// Alibaba Cloud IoT Platform, version 2018-01-20: QueryDeviceCert, whose errors are answered with HTTP 200.
// https://help.aliyun.com/zh/iot/developer-reference/api-omdh29
import type { AliyunAction, AliyunResult } from "./aliyun-gateway.ts";
import { ALIYUN_IOT_PRODUCT_KEYS, type AliyunIotCertificate } from "./fleet-aliyun.ts";
import type { FleetProduct } from "./fleet-product.ts";

export const ALIYUN_IOT_VERSION = "2018-01-20";

const PRODUCT_KEY = /^[A-Za-z0-9]{1,20}$/;
const DEVICE_NAME = /^[A-Za-z0-9_\-@.:]{4,32}$/;

/** `instanceId`: the id of the emulated IoT instance; with one, calls must name it. */
export function createAliyunIotActions(
  fleet: FleetProduct<AliyunIotCertificate>,
  instanceId: string | undefined,
): Readonly<Record<string, AliyunAction>> {
  return {
    QueryDeviceCert: {
      methods: ["GET", "POST"],
      requiredParameters: ["ProductKey", "DeviceName"],
      run: ({ ProductKey = "", DeviceName = "", IotInstanceId }) => {
        if (instanceId !== undefined && IotInstanceId !== instanceId) {
          return toFailure("iot.common.InvalidTenant", "The tenant is invalid.");
        }
        if (ProductKey === "") {
          return toFailure("iot.prod.NullProductKey", "The product key is empty.");
        }
        if (!PRODUCT_KEY.test(ProductKey)) {
          return toFailure("iot.prod.InvalidFormattedProductkey", "The product key is malformed.");
        }
        if (DeviceName === "") {
          return toFailure("iot.device.NullDeviceName", "The device name is empty.");
        }
        if (!DEVICE_NAME.test(DeviceName)) {
          return toFailure(
            "iot.device.InvalidFormattedDeviceName",
            "The device name is malformed.",
          );
        }
        if (!ALIYUN_IOT_PRODUCT_KEYS.some((known) => known === ProductKey)) {
          return toFailure("iot.prod.NotExistedProduct", "The product does not exist.");
        }
        const certificate = fleet.find(ProductKey, DeviceName);
        if (certificate === undefined) {
          return toFailure("iot.device.NotExistedDevice", "The device does not exist.");
        }
        return { fields: { Success: true, DeviceCertInfo: certificate.toItem() }, code: null };
      },
    },
  };
}

function toFailure(code: string, message: string): AliyunResult {
  return { fields: { Success: false, Code: code, ErrorMessage: message }, code };
}

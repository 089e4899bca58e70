// Two made-up clouds, with the names of the real ones so that the contract's own example can be loaded.
import { z } from "zod";
import type { ConfigurableProduct } from "../../src/config/index.ts";

const tencent = {
  name: "tencent",
  title: "Tencent Cloud",
  exampleRegion: "ap-guangzhou",
  settings: {},
};

const aliyun = {
  name: "aliyun",
  title: "Alibaba Cloud",
  exampleRegion: "cn-shanghai",
  settings: {
    iotInstanceId: z
      .string()
      .min(1)
      .optional()
      .describe("Id of the IoT Platform instance, sent whenever set (default: none)."),
  },
};

const segment = (name: string) => ({ name });
const limit = (action: string, callsPerSecond: number) => ({ action, callsPerSecond });

export const products: readonly ConfigurableProduct[] = [
  {
    prefix: "tencent-mqtt",
    key: [segment("InstanceId"), segment("DeviceCertificateSn")],
    cloud: tencent,
    endpoint: { name: "mqtt", originOf: () => "https://mqtt.tencentcloudapi.com" },
    limits: [limit("DescribeDeviceCertificate", 20), limit("DescribeDeviceCertificates", 20)],
  },
  {
    prefix: "tencent-ssl",
    key: [segment("CertificateId")],
    cloud: tencent,
    endpoint: { name: "ssl", originOf: () => "https://ssl.tencentcloudapi.com" },
    limits: [limit("DescribeCertificate", 10), limit("DescribeCertificates", 10)],
  },
  {
    prefix: "aliyun-iot",
    key: [segment("ProductKey"), segment("DeviceName")],
    cloud: aliyun,
    endpoint: { name: "iot", originOf: (region) => `https://iot.${region}.aliyuncs.com` },
    limits: [limit("QueryDeviceCert", 10)],
  },
  {
    prefix: "aliyun-mqtt",
    key: [segment("InstanceId"), segment("ClientId")],
    cloud: aliyun,
    endpoint: { name: "mqtt", originOf: (region) => `https://onsmqtt.${region}.aliyuncs.com` },
    limits: [limit("GetDeviceCredential", 300)],
  },
];

// Every cloud product that the subgraph knows. A new one is one folder and one line here.
import type { CertificateProduct } from "../device-certificate/product.ts";
import { aliyunIot } from "./aliyun/iot/index.ts";
import { aliyunMqtt } from "./aliyun/mqtt/index.ts";
import { tencentMqtt } from "./tencent/mqtt/index.ts";
import { tencentSsl } from "./tencent/ssl/index.ts";

export const products: readonly CertificateProduct[] = [
  tencentMqtt,
  tencentSsl,
  aliyunIot,
  aliyunMqtt,
];

import { z } from "zod";
import type { Cloud } from "../../device-certificate/product.ts";
import { openAliyunCredentialChain } from "./credentials.ts";

export const aliyunCloud: Cloud = {
  name: "aliyun",
  provider: "ALIBABA_CLOUD",
  title: "Alibaba Cloud",
  settings: {
    iotInstanceId: z
      .string()
      .min(1)
      .nullish()
      .describe(
        "Id of the IoT Platform instance; sent whenever set, and needed wherever the console shows one.",
      ),
  },
  exampleRegion: "cn-shanghai",
  openCredentialChain: openAliyunCredentialChain,
};

import type { Cloud } from "../../device-certificate/product.ts";
import { openTencentCredentialChain } from "./credentials.ts";

export const tencentCloud: Cloud = {
  name: "tencent",
  provider: "TENCENT_CLOUD",
  title: "Tencent Cloud",
  settings: {},
  exampleRegion: "ap-guangzhou",
  openCredentialChain: openTencentCredentialChain,
};

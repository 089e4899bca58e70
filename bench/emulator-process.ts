// The emulator in a process of its own, so that it does not take the time of what is measured. Options as JSON.
import { startEmulator } from "../src/emulator/index.ts";

/** What the process tells of itself when it is ready. */
export interface Emulated {
  readonly origins: Record<string, Record<string, string>>;
  readonly controlOrigin: string;
  readonly credentials: Record<
    string,
    { static: { accessKeyId: string; accessKeySecret: string } }
  >;
  readonly ids: Record<string, string[]>;
}

const emulator = await startEmulator(JSON.parse(process.argv[2] ?? "{}"));
const { origins, controlOrigin, credentials, fleet } = emulator;
const ids = Object.fromEntries(fleet.products.map((product) => [product.prefix, product.ids()]));
const emulated: Emulated = { origins, controlOrigin, credentials, ids };
process.send?.(emulated);
process.on("disconnect", () => void emulator.close().then(() => process.exit(0)));

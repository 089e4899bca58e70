// The emulator in a process of its own, so that it does not take the time of what is measured. Options as JSON.
import { startEmulator } from "../src/emulator/index.ts";

const emulator = await startEmulator(JSON.parse(process.argv[2] ?? "{}"));
const { origins, controlOrigin, credentials, fleet } = emulator;
const ids = Object.fromEntries(fleet.products.map((product) => [product.prefix, product.ids()]));
process.send?.({ origins, controlOrigin, credentials, ids });
process.on("disconnect", () => void emulator.close().then(() => process.exit(0)));

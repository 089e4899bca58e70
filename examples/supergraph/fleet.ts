// The devices of the example; a company has them in a database.
import { createHash } from "node:crypto";

export interface Device {
  /** Opaque: it says nothing of the cloud that the device is connected to. */
  readonly id: string;
  readonly name: string;
  readonly site: string;
}

/** The same ones at every start. */
export const devices: readonly Device[] = Array.from({ length: 1005 }, (_, number) => {
  const name = `pump-${String(number).padStart(4, "0")}`;
  const id = createHash("sha256").update(name).digest("hex").slice(0, 12);
  return { id, name, site: ["Hamburg", "Suzhou", "Monterrey"][number % 3] ?? "" };
});

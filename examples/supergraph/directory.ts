// Which device has which certificate: a company has this in its own records, the example takes it from the emulator.
import { devices } from "./fleet.ts";

const USAGE = `Usage: node examples/supergraph/directory.ts EMULATOR > directory.csv

Takes the certificates of a running emulator, by the address of its control port.
`;

/** The emulator's ids, one list a product. */
type CertificateIds = readonly (readonly string[])[];

/** The certificate of each device, in one cloud after the other; five devices have none, as in every fleet. */
export function assignCertificates(ids: CertificateIds): ReadonlyMap<string, string> {
  const connected = devices.filter((_, number) => number % 201 !== 4);
  return new Map(
    connected.flatMap((device, number): [string, string][] => {
      const certificateId = ids[number % ids.length]?.[number];
      return certificateId === undefined ? [] : [[device.id, certificateId]];
    }),
  );
}

/** As `join.directory.file` takes it. */
export function toDirectoryCsv(ids: CertificateIds): string {
  const rows = [...assignCertificates(ids)].map(
    ([deviceId, certificateId]) => `${deviceId},"${certificateId.replaceAll('"', '""')}"\n`,
  );
  return `deviceId,certificateId\n${rows.join("")}`;
}

async function fetchIds(emulator: string): Promise<CertificateIds> {
  const response = await fetch(`${emulator}/ids?to=${devices.length}`);
  const ids: string[] = await response.json();
  return Object.values(Object.groupBy(ids, (id) => id.split(":", 1)[0] ?? "")).map(
    (list) => list ?? [],
  );
}

if (import.meta.main) {
  const [emulator] = process.argv.slice(2);
  if (emulator === undefined) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  process.stdout.write(toDirectoryCsv(await fetchIds(emulator)));
}

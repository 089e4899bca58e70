// The company's own subgraph: devices with opaque ids and no cloud fields.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ApolloServer } from "@apollo/server";
import { startStandaloneServer } from "@apollo/server/standalone";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { parse } from "graphql";
import { type Device, devices } from "./fleet.ts";

const USAGE = `Usage: node examples/supergraph/devices.ts [options]

  --join NAME            how certificates are joined: directory (default), external or stubs
  --certificates FILE    CSV of deviceId,certificateId, for external and stubs
  --port N               4003; 0 for any free one
`;

/** What each way of joining asks of this subgraph: its schema, and the fields of Device beside its own. */
const WAYS_TO_JOIN = {
  directory: { schema: "devices.graphql", fields: {} },
  external: {
    schema: "devices.external.graphql",
    fields: { certificateIds: ({ id }: Device) => certificateIdsOf.get(id) },
  },
  stubs: {
    schema: "devices.stubs.graphql",
    fields: {
      clientCertificate: (device: Device) => {
        const id = certificateIdsOf.get(device.id)?.[0];
        return id === undefined ? null : { id };
      },
    },
  },
};

const { join, certificates, port, help } = parseArgs({
  options: {
    join: { type: "string", default: "directory" },
    certificates: { type: "string" },
    port: { type: "string", default: "4003" },
    help: { type: "boolean" },
  },
}).values;
if (help || !isWayToJoin(join)) {
  process.stdout.write(USAGE);
  process.exit(help ? 0 : 2);
}

const devicesById = new Map(devices.map((device) => [device.id, device]));
const certificateIdsOf = readCertificateIds(certificates);

const { schema, fields } = WAYS_TO_JOIN[join];
const typeDefs = parse(readFileSync(new URL(schema, import.meta.url), "utf8"));
const resolvers = {
  Query: {
    device: (_: unknown, { id }: { id: string }) => devicesById.get(id),
    devices: (_: unknown, { ids, first }: { ids?: string[] | null; first: number }) =>
      ids?.map((id) => devicesById.get(id)) ?? devices.slice(0, Math.max(0, first)),
  },
  Device: {
    __resolveReference: ({ id }: { id: string }) => devicesById.get(id) ?? null,
    ...fields,
  },
};
const server = new ApolloServer({ schema: buildSubgraphSchema([{ typeDefs, resolvers }]) });
const { url } = await startStandaloneServer(server, {
  listen: { host: "127.0.0.1", port: Number(port) },
});
process.stdout.write(`devices at ${url}\n`);

function isWayToJoin(name: string): name is keyof typeof WAYS_TO_JOIN {
  return Object.hasOwn(WAYS_TO_JOIN, name);
}

function readCertificateIds(file: string | undefined): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  if (file === undefined) return ids;
  for (const [, deviceId = "", quoted = ""] of readFileSync(file, "utf8").matchAll(
    /^(\w+),(.+)$/gm,
  )) {
    const id = quoted.replace(/^"(.*)"$/, "$1").replaceAll('""', '"');
    ids.set(deviceId, [...(ids.get(deviceId) ?? []), id]);
  }
  return ids;
}

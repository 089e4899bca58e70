// Composes a supergraph of running subgraphs.
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const USAGE = `Usage: node examples/supergraph/compose.ts NAME=URL NAME=URL ... > supergraph.graphql

With GATEWAY_TOKEN it asks as the gateway does.
`;

/** The supergraph of these subgraphs, by name and URL; throws what the composer objects to. */
export async function composeSupergraph(
  urls: Readonly<Record<string, string>>,
  gatewayToken?: string,
): Promise<string> {
  const services = Object.entries(urls).map(async ([name, url]) => ({
    name,
    url,
    typeDefs: parse(await fetchSchema(url, gatewayToken)),
  }));
  const { supergraphSdl, errors } = composeServices(await Promise.all(services));
  if (supergraphSdl !== undefined) return supergraphSdl;
  throw new Error(errors?.map(({ message }) => message).join("\n"));
}

async function fetchSchema(url: string, gatewayToken: string | undefined): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(gatewayToken !== undefined && { "x-gateway-token": gatewayToken }),
    },
    body: JSON.stringify({ query: "{ _service { sdl } }" }),
  });
  if (!response.ok) throw new Error(`${url} answered with HTTP ${response.status}.`);
  const { data } = await response.json();
  return data._service.sdl;
}

if (import.meta.main) {
  const subgraphs = process.argv.slice(2).map((argument) => argument.split(/=(.*)/, 2));
  if (subgraphs.length === 0) {
    process.stderr.write(USAGE);
    process.exit(2);
  }
  const urls: Record<string, string> = Object.fromEntries(subgraphs);
  process.stdout.write(await composeSupergraph(urls, process.env["GATEWAY_TOKEN"]));
}

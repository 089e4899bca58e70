// Rules between keys, checked on the values of the file whether or not other keys are wrong, so that all mistakes
// come in one report.
import { BlockList, isIP } from "node:net";
import type { ConfigPath } from "./config-error.ts";
import type { ConfigurableProduct } from "./connections.ts";
import { findJoinMistakes } from "./join-mistakes.ts";
import { type ConfigTree, isContainer } from "./yaml-tree.ts";

/** A mistake at a path, in a whole sentence. */
export interface Contradiction {
  readonly path: ConfigPath;
  readonly message: string;
}

/** Finds what no single key can tell. */
export function findContradictions(
  tree: ConfigTree,
  products: readonly ConfigurableProduct[],
  takenTypeNames: ReadonlySet<string>,
): Contradiction[] {
  return [
    ...findEqualPorts(tree),
    ...findEqualNames(tree),
    ...findOpenDoor(tree),
    ...findMissingToken(tree),
    ...findJoinMistakes(tree, products, takenTypeNames),
    ...findSharedHeaders(tree),
    ...findMissingJwtKeys(tree),
    ...findSecretsForAnybody(tree),
  ];
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

function isLoopback(host: string): boolean {
  const version = isIP(host);
  if (version === 0) return host.toLowerCase() === "localhost";
  return LOOPBACK.check(host, version === 6 ? "ipv6" : "ipv4");
}

function findEqualPorts(tree: ConfigTree): Contradiction[] {
  const port = tree.valueAt(["server", "port"]) ?? 4001;
  const adminPort = tree.valueAt(["server", "adminPort"]) ?? 4002;
  if (port !== adminPort || port === 0) return [];
  const isAdminPortSet = tree.valueAt(["server", "adminPort"]) !== undefined;
  return [
    {
      path: ["server", isAdminPortSet ? "adminPort" : "port"],
      message: "server.port and server.adminPort must differ",
    },
  ];
}

function findEqualNames(tree: ConfigTree): Contradiction[] {
  const connections = tree.valueAt(["connections"]);
  if (!Array.isArray(connections)) return [];
  const seen = new Set<string>();
  return connections.flatMap((connection: unknown, index) => {
    if (!isContainer(connection)) return [];
    const { cloud, name = "default" } = connection;
    if (typeof cloud !== "string" || typeof name !== "string") return [];
    const key = `${cloud}:${name}`;
    if (seen.has(key)) {
      const message = "another connection of this cloud has the same name; names are unique";
      return [{ path: ["connections", index, "name"], message }];
    }
    seen.add(key);
    return [];
  });
}

function findOpenDoor(tree: ConfigTree): Contradiction[] {
  const host = tree.valueAt(["server", "host"]) ?? "127.0.0.1";
  const mode = tree.valueAt(["auth", "mode"]) ?? "none";
  const isAllowed = tree.valueAt(["auth", "allowAnonymous"]) === true;
  if (mode !== "none" || isAllowed || typeof host !== "string" || isLoopback(host)) return [];
  const message =
    "auth.mode: none is refused on an address other than loopback (127.0.0.0/8, ::1, localhost); set auth.mode, or auth.allowAnonymous: true to serve everyone";
  return [{ path: ["server", "host"], message }];
}

function findMissingToken(tree: ConfigTree): Contradiction[] {
  const path = ["auth", "gateway", "token"];
  if (tree.valueAt(["auth", "mode"]) !== "gateway" || tree.valueAt(path) !== undefined) return [];
  return [{ path, message: "missing: auth.mode: gateway needs a token" }];
}

/** A header that means two things would let a caller write what the gateway should. */
function findSharedHeaders(tree: ConfigTree): Contradiction[] {
  const defaults = {
    header: "x-gateway-token",
    scopesHeader: "x-scopes",
    subjectHeader: "x-subject",
  };
  const seen = new Set<string>();
  return Object.entries(defaults).flatMap(([key, byDefault]) => {
    const path = ["auth", "gateway", key];
    const name = String(tree.valueAt(path) ?? byDefault).toLowerCase();
    if (seen.has(name)) return [{ path, message: "another header of auth.gateway has this name" }];
    seen.add(name);
    return [];
  });
}

function findMissingJwtKeys(tree: ConfigTree): Contradiction[] {
  if (tree.valueAt(["auth", "mode"]) !== "jwt") return [];
  const isSet = (key: string) => tree.valueAt(["auth", "jwt", key]) !== undefined;
  const hasUrl = isSet("jwksUrl");
  const missing = (key: string, why: string): Contradiction[] =>
    isSet(key) ? [] : [{ path: ["auth", "jwt", key], message: `missing: ${why}` }];
  return [
    ...(hasUrl === isSet("publicKeyFile")
      ? [
          {
            path: ["auth", "jwt", hasUrl ? "publicKeyFile" : "jwksUrl"],
            message: hasUrl
              ? "auth.jwt.jwksUrl is set as well; keys come from one of the two"
              : "missing: auth.mode: jwt needs jwksUrl, or publicKeyFile",
          },
        ]
      : []),
    ...missing("issuer", "auth.mode: jwt needs the issuer whose tokens are accepted"),
    ...missing(
      "audience",
      "auth.mode: jwt needs the audience, or tokens for others would be accepted",
    ),
  ];
}

function findSecretsForAnybody(tree: ConfigTree): Contradiction[] {
  const path = ["secrets", "mode"];
  const mode = tree.valueAt(["auth", "mode"]) ?? "none";
  if (tree.valueAt(path) !== "sealed" || mode !== "none") return [];
  return [{ path, message: "secrets.mode: sealed needs auth.mode jwt or gateway, came none" }];
}

// Which proxy the environment's variables name for an origin.

/** The proxy through which a cloud is reached. */
export interface HttpProxy {
  readonly url: string;
  /** `host:port`, without the user and password that the URL may hold. */
  readonly host: string;
}

/** As curl reads the variables: an `https` origin goes through `HTTPS_PROXY` alone. `undefined` for a direct connection. */
export function toProxy(
  origin: URL,
  environment: Readonly<Record<string, string | undefined>>,
): HttpProxy | undefined {
  const read = (name: string) => environment[name] ?? environment[name.toUpperCase()] ?? "";
  const name = origin.protocol === "https:" ? "https_proxy" : "http_proxy";
  const value = read(name);
  if (value === "" || isProxyBypassed(origin, read("no_proxy"))) return undefined;
  const url = URL.parse(value.includes("://") ? value : `http://${value}`);
  // The value is not repeated: it may hold a password.
  if (!url?.host) throw new Error(`${name.toUpperCase()} is not a URL`);
  return { url: url.href, host: url.host };
}

/** `NO_PROXY` holds host names, each also meant for its subdomains, with or without a port; `*` is all. */
function isProxyBypassed({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const originPort = port || (protocol === "https:" ? "443" : "80");
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      const [, host = "", entryPort] = /^(?:\*?\.)?(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? [];
      if (host === "") return hostname === `[${entry}]`;
      if (entryPort && entryPort !== originPort) return false;
      return host === "*" || hostname === host || hostname.endsWith(`.${host}`);
    });
}

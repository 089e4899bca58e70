import "reflect-metadata";
import { createServer as createHttpsServer } from "node:https";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { inspect } from "node:util";
import {
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { describe, expect, it, onTestFinished } from "vitest";
import { CLOSED_PORT } from "../support/closed-port.ts";
import { GET, listen, startAnswering, startConnectProxy } from "./loopback.ts";
import { failureOf, openTransport } from "./open-transport.ts";

describe("proxies", () => {
  it("sends plain HTTP to the proxy of HTTP_PROXY", async () => {
    const proxy = await startConnectProxy({});
    const transport = openTransport({
      origin: "http://mqtt.example",
      environment: { HTTP_PROXY: proxy.origin },
    });
    expect((await transport.send(GET)).body).toBe("from the proxy");
    expect(proxy.requests).toMatchObject([
      { url: "http://mqtt.example/", headers: { host: "mqtt.example" } },
    ]);
  });

  it("opens a tunnel through the proxy of HTTPS_PROXY, with the user and password of its URL", async () => {
    const target = await startHttpsServer("mqtt.example");
    const proxy = await startConnectProxy({ targetPort: target.port });
    const HTTPS_PROXY = proxy.origin.replace("//", "//user:PLANTED@");
    const transport = openTransport({
      origin: "https://mqtt.example",
      environment: { HTTPS_PROXY },
    });
    for (let call = 0; call < 3; call += 1) {
      expect((await transport.send(GET)).body).toBe("through the tunnel to mqtt.example");
    }
    // One tunnel for all three: it is kept alive like any other connection.
    expect(proxy.tunnels).toEqual(["mqtt.example:443"]);
    expect(proxy.authorizations).toEqual([`Basic ${btoa("user:PLANTED")}`]);
    expect(proxy.requests).toEqual([]);
  });

  it("never names the user and password of the proxy", async () => {
    const proxy = await startConnectProxy({ refuseWith: "407 Proxy Authentication Required" });
    const HTTPS_PROXY = proxy.origin.replace("//", "//PLANTED:PLANTED@");
    const transport = openTransport({
      origin: "https://mqtt.example",
      environment: { HTTPS_PROXY },
    });
    expect(inspect(await failureOf(transport.send(GET)))).not.toContain("PLANTED");
  });

  it("runs into the connect limit where the proxy ignores CONNECT", async () => {
    const proxy = await startConnectProxy({});
    const transport = openTransport({
      origin: "https://mqtt.example",
      connectTimeoutMs: 60,
      environment: { https_proxy: proxy.origin },
    });
    expect(await failureOf(transport.send(GET))).toMatchObject({ kind: "timeout", isSent: false });
    // The connection to the proxy does not stay behind either.
    await expect.poll(() => proxy.sockets.size, { timeout: 5_000 }).toBe(0);
  });

  it.each(["407 Proxy Authentication Required", "502 Bad Gateway"])(
    "says that the proxy failed when it answers %s",
    async (refuseWith) => {
      const proxy = await startConnectProxy({ refuseWith });
      const environment = { HTTPS_PROXY: proxy.origin };
      const error = await failureOf(
        openTransport({ origin: "https://mqtt.example", environment }).send(GET),
      );
      expect(error).toMatchObject({ kind: "proxy", isSent: false });
      expect(error.message).toContain(`mqtt.example (through the proxy 127.0.0.1:${proxy.port})`);
    },
  );

  it("says that the proxy failed when nobody listens there", async () => {
    const environment = { HTTPS_PROXY: `127.0.0.1:${CLOSED_PORT}` };
    const error = await failureOf(
      openTransport({ origin: "https://mqtt.example", environment }).send(GET),
    );
    expect(error).toMatchObject({ kind: "proxy", isSent: false });
  });

  it.each(["127.0.0.1", "*", "other.example, 127.0.0.1:PORT", "::1 0.0.1"])(
    "goes around the proxy for NO_PROXY=%s",
    async (noProxy) => {
      const server = await startAnswering({ body: "direct" });
      const proxy = await startConnectProxy({});
      const NO_PROXY = noProxy.replace("PORT", String(server.port));
      const environment = { HTTP_PROXY: proxy.origin, NO_PROXY };
      expect((await openTransport({ origin: server.origin, environment }).send(GET)).body).toBe(
        "direct",
      );
      expect(proxy.connections()).toBe(0);
    },
  );

  it.each(["example.org", "127.0.0.1:1", "27.0.0.1", ""])(
    "goes through the proxy for NO_PROXY=%s",
    async (NO_PROXY) => {
      const server = await startAnswering({ body: "direct" });
      const proxy = await startConnectProxy({});
      const environment = { http_proxy: proxy.origin, no_proxy: NO_PROXY, NO_PROXY: "*" };
      const { body } = await openTransport({ origin: server.origin, environment }).send(GET);
      expect(body).toBe("from the proxy");
    },
  );

  it("does not send HTTPS through HTTP_PROXY", async () => {
    const proxy = await startConnectProxy({});
    const environment = { HTTP_PROXY: proxy.origin };
    const error = await failureOf(
      openTransport({ origin: `https://127.0.0.1:${CLOSED_PORT}`, environment }).send(GET),
    );
    expect(error).toMatchObject({ kind: "connection", isSent: false });
    expect(proxy.connections()).toBe(0);
  });

  it("refuses a proxy that is no URL without repeating it", () => {
    const environment = { HTTPS_PROXY: "http://user:PLANTED@:x" };
    expect(() => openTransport({ origin: "https://mqtt.example", environment })).toThrow(
      /^HTTPS_PROXY is not a URL$/,
    );
  });
});

/** An HTTPS server whose certificate this process trusts until the test is over. */
async function startHttpsServer(name: string) {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: "dns", value: name }])],
  });
  const cert = certificate.toString("pem");
  const key = PemConverter.encode(
    await crypto.subtle.exportKey("pkcs8", keys.privateKey),
    PemConverter.PrivateKeyTag,
  );
  const trusted = getCACertificates();
  setDefaultCACertificates([...trusted, cert]);
  onTestFinished(() => setDefaultCACertificates(trusted));
  return listen(
    createHttpsServer({ key, cert }, (request, response) => {
      response.end(`through the tunnel to ${request.headers.host}`);
    }),
  );
}

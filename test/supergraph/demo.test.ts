import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { startProcess } from "../support/process.ts";

const DEMO = "examples/supergraph/demo.ts";
const FREE_PORTS = ["--port", "--admin-port", "--devices-port", "--gateway-port"].flatMap(
  (option) => [option, "0"],
);
const WITHIN_MS = 90_000;

describe("npm run demo", () => {
  it(
    "prints a question that the gateway answered from both subgraphs, and ends with everything on Ctrl-C",
    async () => {
      const demo = startProcess([DEMO, ...FREE_PORTS]);
      await demo.waitFor(/Ctrl-C ends everything/);
      const printed = demo.stdout();
      expect(demo.stderr()).toBe("");
      expect(printed).not.toContain('"errors"');
      const [, answer = ""] =
        /joined this answer from both subgraphs:\n\n(.*?)\n\nLet/s.exec(printed) ?? [];
      expect(JSON.parse(answer, hideDates)).toEqual(readAnswerOfReadme());

      // What it tells to try.
      const [gateway = "", subgraph = "", admin = "", devices = "", emulator = ""] =
        printed.match(/http:\/\/127\.0\.0\.1:\d+[/\w]*/g) ?? [];
      await fetch(`${emulator}/faults`, {
        method: "POST",
        body: JSON.stringify({ api: "aliyun-iot", kind: "html502" }),
      });
      const partial = await ask(
        gateway,
        "{ devices(first: 8) { name certificateAvailability certificate { status } } }",
      );
      expect(partial.data.devices[7]).toEqual({
        name: "pump-0007",
        certificateAvailability: "UNAVAILABLE",
        certificate: null,
      });
      // Both pages for browsers come from these servers' own files.
      for (const url of [gateway, subgraph]) {
        const page = await fetch(url, { headers: { accept: "text/html" } });
        expect(page.headers.get("content-type")).toMatch(/^text\/html/);
        expect(await page.text()).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)="https?:/);
      }

      demo.child.kill("SIGINT");
      // npm passes on what the terminal has sent to everybody already.
      demo.child.kill("SIGINT");
      expect(await demo.ended).toEqual({ code: 0, signal: null });
      for (const url of [gateway, subgraph, admin, devices, emulator])
        await expect(fetch(url)).rejects.toThrow();
    },
    WITHIN_MS,
  );

  it("says which port is taken and what to do about it", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = String(typeof address === "object" ? address?.port : "");
    const { ended, stderr } = startProcess([DEMO, ...FREE_PORTS, "--devices-port", port]);
    expect((await ended).code).toBe(1);
    taken.close();
    expect(stderr()).toBe(
      `Port ${port} cannot be had: choose another with --devices-port N, or 0 for any free one.\n`,
    );
  });

  it("says which gateways there are when it is asked for another one", async () => {
    const { ended, stdout } = startProcess([DEMO, "--gateway", "nginx"]);
    expect((await ended).code).toBe(2);
    expect(stdout()).toContain("hive (default) or apollo");
  });

  it("tells its options with --help", async () => {
    const { ended, stdout } = startProcess([DEMO, "--help"]);
    expect((await ended).code).toBe(0);
    expect(stdout()).toContain("--gateway NAME");
  });
});

/** Dates move with the day on which the fleet starts. */
const hideDates = (name: string, value: unknown) =>
  /^(?:notAfter|daysUntilExpiry)$/.test(name) ? typeof value : value;

function readAnswerOfReadme(): unknown {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const [, answer = ""] = /^```json\n(.*?)^```$/ms.exec(readme) ?? [];
  return JSON.parse(answer, hideDates);
}

async function ask(url: string, query: string) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { parse } from "yaml";

const MAIN = fileURLToPath(new URL("../../src/emulator/main.ts", import.meta.url));

describe("the emulator's command line", () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
  });

  function start(...args: string[]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    const exited = once(child, "exit").then(([code]) => code);
    return { child, exited };
  }

  async function readGreeting(child: ChildProcess): Promise<string> {
    let text = "";
    for await (const chunk of child.stdout ?? []) {
      text += chunk;
      if (text.includes("Ctrl-C ends")) break;
    }
    return text;
  }

  it.each(["SIGTERM", "SIGINT"] as const)(
    "prints what is needed to use it and ends with status 0 on %s",
    async (signal) => {
      const { child, exited } = start("--ports", "0", "--fleet", "12", "--seed", "cli");
      const greeting = await readGreeting(child);
      const snippet = /^connections:\n(?: .*\n)+/m.exec(greeting)?.[0] ?? "";
      const { connections } = parse(snippet);
      expect(connections).toHaveLength(2);
      expect(connections[0]).toMatchObject({
        cloud: "tencent",
        name: "default",
        credentials: { accessKeyId: "AKID-emulator-static" },
      });
      const { endpoints } = connections[1];
      expect((await fetch(endpoints.iot)).status).toBe(400);
      const control = /control +(http\S+)/.exec(greeting)?.[1] ?? "";
      const ids: unknown = await (await fetch(`${control}/ids?from=0&to=3`)).json();
      for (const id of Array.isArray(ids) ? ids : []) expect(greeting).toContain(`  ${id}\n`);
      child.kill(signal);
      expect(await exited).toBe(0);
    },
  );

  it("explains itself when it is called wrongly", async () => {
    const { child, exited } = start("--fleet", "many");
    let message = "";
    for await (const chunk of child.stderr ?? []) message += chunk;
    expect(message).toContain('--fleet takes whole numbers, not "many".');
    expect(message).toContain("--no-quota");
    expect(await exited).toBe(2);
  });
});

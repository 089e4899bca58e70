// Starts the compiled program as a process of its own, and waits for what it says rather than for a time.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { stringify } from "yaml";
import { searchOutput, watchAnswers } from "./output-watch.ts";

const RUN = fileURLToPath(new URL("../../scripts/run.mjs", import.meta.url));

export interface TestProcess {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits until standard output matches; rejects when the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Waits for its end, and answers with exit status and signal. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

/** Ends with the test, if not before. */
export function startProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): TestProcess {
  const child = spawn(process.execPath, [RUN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...environment },
  });
  let stdout = "";
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
    // The emulator prints its keys: somebody has to use them.
    if (args[0] === "main") searchOutput("process", `${stdout}\n${stderr}`);
  });

  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stdout);
          if (match !== null) resolve(match);
        };
        look();
        child.stdout.on("data", look);
        void ended.then(({ code }) =>
          reject(new Error(`ended with ${code} before it said ${pattern}: ${stderr || stdout}`)),
        );
      }),
  };
}

/** A folder that is removed after the test. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "device-certificates-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a configuration file that is removed after the test. */
export async function writeConfig(config: unknown): Promise<string> {
  const path = join(await makeFolder(), "config.yaml");
  await writeFile(path, typeof config === "string" ? config : stringify(config));
  return path;
}

export interface ReadyProcess extends TestProcess {
  readonly url: string;
  readonly adminUrl: string;
}

/** Starts the subgraph on a configuration, and waits until it says that it is ready. */
export async function startSubgraphProcess(
  config: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<ReadyProcess> {
  const started = startProcess(["main", "--config", await writeConfig(config)], environment);
  const [line] = await started.waitFor(/^\{.*"msg":"ready".*\}$/m);
  const { url, admin } = JSON.parse(line);
  watchAnswers([url, admin]);
  return { ...started, url, adminUrl: admin };
}

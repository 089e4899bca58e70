import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Emulator, startEmulator } from "../../src/emulator/index.ts";
import { startTestSubgraph, type TestSubgraph, toConnections } from "../support/subgraph.ts";

/** A cold browser on a busy machine compiles some megabytes of editor. */
const PATIENCE = { timeout: 60_000 };
const TOKEN = "a-gateway-token-for-tests";
const EXPLORER = { port: 0, adminPort: 0, drainSeconds: 0, explorer: true };

let emulator: Emulator;
let browser: Browser;

beforeAll(async () => {
  emulator = await startEmulator({ fleetSize: 8 });
  browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    // As root, in a container, Chromium has no sandbox; it opens nothing but the page under test.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}, PATIENCE.timeout);

afterAll(async () => {
  await browser?.close();
  await emulator?.close();
});

async function startSubgraph(sections: Readonly<Record<string, unknown>> = {}) {
  const subgraph = await startTestSubgraph({
    connections: toConnections(emulator),
    sections: { server: EXPLORER, ...sections },
    exampleIds: emulator.fleet.products.map((product) => product.at(1).id),
  });
  onTestFinished(() => subgraph.close());
  return subgraph;
}

interface OpenPage {
  readonly page: Page;
  /** What the page asked for, as `GET address`, and what went wrong with it. */
  readonly requests: string[];
  readonly mistakes: string[];
}

async function openPage({ url }: TestSubgraph): Promise<OpenPage> {
  const context = await browser.newContext();
  onTestFinished(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE.timeout);
  const requests: string[] = [];
  const mistakes: string[] = [];
  context.on("request", (request) => requests.push(`${request.method()} ${request.url()}`));
  context.on("requestfailed", (request) => mistakes.push(`failed: ${request.url()}`));
  context.on("response", (response) => {
    if (!response.ok()) mistakes.push(`${response.status()} ${response.url()}`);
  });
  page.on("pageerror", (error) => mistakes.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") mistakes.push(message.text());
  });
  await page.goto(url);
  return { page, requests, mistakes };
}

/** Presses the button until the result shows what is expected: a new tab's operation is known after a moment only. */
async function run(page: Page, expected: RegExp): Promise<string> {
  const result = page.locator(".result-window .view-lines");
  await vi.waitFor(async () => {
    await page.getByRole("button", { name: /execute/i }).click();
    await result.filter({ hasText: expected }).waitFor({ timeout: 5_000 });
  }, PATIENCE);
  return result.innerText();
}

describe("GraphiQL in a browser", () => {
  it(
    "loads from this server alone and without a mistake, and shows the answer of an operation",
    async () => {
      const subgraph = await startSubgraph();
      const { page, requests, mistakes } = await openPage(subgraph);
      const result = await run(page, /TencentMqttDeviceCertificate/);
      expect(result).toContain("data");
      expect(result).not.toContain("errors");

      const { origin } = new URL(subgraph.url);
      const foreign = requests.filter(
        (request) => !/^\w+ data:/.test(request) && !request.includes(` ${origin}/graphql`),
      );
      expect(foreign).toEqual([]);
      expect(requests.length).toBeGreaterThan(10);
      expect(mistakes).toEqual([]);
    },
    PATIENCE.timeout * 2,
  );

  it(
    "has an example for each part of a frontend, and every one runs as it is",
    async () => {
      const { page } = await openPage(await startSubgraph());
      const names = ["CertificateTable", "CertificatePage", "ExpiryBadge", "CertificatePem"];
      const tabs = page.getByRole("tab");
      await tabs.first().waitFor();
      expect(await tabs.allInnerTexts()).toEqual(names);
      for (const name of names) {
        await page.getByRole("tab", { name }).click();
        const result = await run(page, /deviceCertificates?"/);
        expect([name, result]).toEqual([name, expect.not.stringContaining("errors")]);
      }
    },
    PATIENCE.timeout * 2,
  );

  it(
    "asks with the token that somebody types, and forgets it",
    async () => {
      const subgraph = await startSubgraph({
        auth: { mode: "gateway", gateway: { token: TOKEN } },
      });
      const { page } = await openPage(subgraph);
      await run(page, /UNAUTHENTICATED/);

      await page.getByRole("button", { name: "Headers" }).click();
      await page.locator(".graphiql-editor-tool .graphiql-editor:not(.hidden) .view-lines").click();
      await page.keyboard.press("ControlOrMeta+A");
      const headers = { "x-gateway-token": TOKEN, "x-scopes": "device-certificate:read" };
      await page.keyboard.insertText(JSON.stringify(headers));
      // The editor closes quotes and brackets by itself.
      await page.keyboard.press("ControlOrMeta+Shift+End");
      await page.keyboard.press("Delete");
      await run(page, /TencentMqttDeviceCertificate/);

      const remembered = await page.evaluate(() => JSON.stringify(localStorage));
      expect(remembered).toContain("CertificateTable");
      expect(remembered).not.toContain(TOKEN);
    },
    PATIENCE.timeout * 2,
  );
});

// Looks for planted secrets in everything that comes out of a server under test, in every test that starts one.
import { afterAll, afterEach } from "vitest";
import { Secret } from "../../src/secret.ts";
import { findForms } from "./canaries.ts";

/** Servers under test by origin, with the secrets of their own configuration. */
const watched = new Map<string, readonly string[]>();
const leaks: string[] = [];
let reading: Promise<unknown>[] = [];

/** From now on, answers from these URLs are searched. */
export function watchAnswers(urls: readonly string[], secrets: readonly string[] = []): void {
  for (const url of urls) watched.set(new URL(url).origin, secrets);
}

/** Searches a text that came out of a server under test; what is found fails the test that is running. */
export function searchOutput(what: string, text: string, secrets: readonly string[] = []): void {
  for (const form of findForms(text, secrets)) {
    const at = text.indexOf(form);
    leaks.push(`${what}: ${text.slice(Math.max(0, at - 60), at + form.length)}`);
  }
}

/** Short ones stand in many texts by chance. */
const MIN_SECRET_LENGTH = 12;

/** All secrets of a configuration. */
export function listSecrets(value: unknown): string[] {
  if (value instanceof Secret) {
    return value.reveal().length < MIN_SECRET_LENGTH ? [] : [value.reveal()];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(listSecrets);
}

const fetchUnwatched = globalThis.fetch;

globalThis.fetch = async (...args: Parameters<typeof fetch>) => {
  const response = await fetchUnwatched(...args);
  const origin = URL.canParse(response.url) ? new URL(response.url).origin : "";
  const secrets = watched.get(origin);
  if (secrets !== undefined) {
    const headers = [...response.headers].join("\n");
    const body = response.clone().text();
    // An answer that breaks off is the subject of some tests.
    reading.push(
      body.then(
        (text) => searchOutput("answer", `${headers}\n${text}`, secrets),
        () => {},
      ),
    );
  }
  return response;
};

async function failOnLeaks(): Promise<void> {
  await Promise.all(reading);
  reading = [];
  const found = leaks.splice(0);
  if (found.length > 0) throw new Error(`A secret came out of the server:\n${found.join("\n")}`);
}

afterEach(failOnLeaks);
afterAll(failOnLeaks);

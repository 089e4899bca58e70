// Health and metrics, on a port of their own that callers never see.
import type { RequestListener } from "node:http";
import { type Answer, sendAnswer, toRefusalAnswer } from "./answer.ts";
import type { Metrics } from "./metrics.ts";
import { JSON_TYPE } from "./refusal.ts";

/** Whether the process can serve, and why not. */
export class Readiness {
  #reason: "starting" | "draining" | undefined = "starting";

  /** Why the process cannot serve; empty when it can. */
  get reasons(): readonly string[] {
    return this.#reason === undefined ? [] : [this.#reason];
  }

  get isDraining(): boolean {
    return this.#reason === "draining";
  }

  start(): void {
    this.#reason = undefined;
  }

  drain(): void {
    this.#reason = "draining";
  }
}

export function createAdmin(readiness: Readiness, metrics: Metrics): RequestListener {
  return ({ method = "", url = "" }, response) => {
    const path = method === "GET" || method === "HEAD" ? url.split("?", 1)[0] : undefined;
    answer(path).then(
      (made) => sendAnswer(response, made),
      () => sendAnswer(response, FAILED),
    );
  };

  async function answer(path: string | undefined): Promise<Answer> {
    switch (path) {
      case "/livez":
        return toJsonAnswer(200, { status: "alive" });
      case "/readyz": {
        const { reasons } = readiness;
        if (reasons.length === 0) return toJsonAnswer(200, { status: "ready" });
        return toJsonAnswer(503, { status: "unready", reasons });
      }
      case "/metrics": {
        const headers = { "content-type": metrics.contentType };
        return { status: 200, headers, body: await metrics.print() };
      }
      default:
        return NOTHING;
    }
  }
}

const NOTHING = toRefusalAnswer(404, { code: "NOT_FOUND", message: "There is nothing here." });
const FAILED = toRefusalAnswer(500, {
  code: "INTERNAL_SERVER_ERROR",
  message: "Internal server error.",
});

function toJsonAnswer(status: number, content: object): Answer {
  return { status, headers: { "content-type": JSON_TYPE }, body: JSON.stringify(content) };
}

// The emulator's own port: switches faults and shows what arrived, for people with a shell.
import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { API_NAMES, type ApiName } from "./api.ts";
import type { CallLog } from "./call-log.ts";
import { FAULT, FAULT_ORDER, type Fault } from "./faults.ts";
import type { Fleet } from "./fleet.ts";
import { type RunningServer, readBody, startHttpServer } from "./http-server.ts";
import { FILTER_MEANINGS, type FilterMeaning } from "./tencent-mqtt.ts";

export interface ControlOptions {
  readonly port: number;
  readonly calls: CallLog;
  readonly fleet: Fleet;
  readonly readFaults: () => Readonly<Record<ApiName, Fault | null>>;
  readonly setFault: (api: ApiName, fault: Fault | null) => void;
  readonly setFilterMeaning: (meaning: FilterMeaning) => void;
}

const HELP = `GET    /faults            the faults that are switched on
POST   /faults            {"api":"aliyun-iot","kind":"hang"}: docs/emulator.md lists the kinds
DELETE /faults            ends all faults; ?api=aliyun-iot ends one
GET    /calls             what arrived, by API and action
DELETE /calls             forgets it
POST   /filter-meaning    {"meaning":"or"}, "first" or "refuse": several values in a filter of Tencent MQTT
GET    /ids               certificate ids; ?api=tencent-ssl&from=0&to=10
`;

const FILTER_ORDER = z.strictObject({ meaning: z.enum(FILTER_MEANINGS) });
const API_NAME = z.enum(API_NAMES);
const ID_RANGE = z.object({
  api: API_NAME.optional(),
  from: z.coerce.number().int().min(0).default(0),
  to: z.coerce.number().int().min(0).default(10),
});

interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

export function startControlServer(options: ControlOptions): Promise<RunningServer> {
  return startHttpServer((request, response) => {
    serve(options, request, response).catch(() => response.destroy());
  }, options.port);
}

async function serve(
  options: ControlOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { status, body } = toAnswer(options, request, await readBody(request));
  const isText = typeof body === "string";
  response
    .writeHead(status, { "content-type": isText ? "text/plain" : "application/json" })
    .end(isText ? body : `${JSON.stringify(body, null, 2)}\n`);
}

function toAnswer(options: ControlOptions, request: IncomingMessage, body: string): ControlAnswer {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  try {
    return perform(options, `${request.method} ${url.pathname}`, url.searchParams, body);
  } catch (error) {
    if (error instanceof z.ZodError) return { status: 400, body: `${z.prettifyError(error)}\n` };
    if (error instanceof SyntaxError) return { status: 400, body: "The body is not JSON.\n" };
    throw error;
  }
}

function perform(
  options: ControlOptions,
  route: string,
  query: URLSearchParams,
  body: string,
): ControlAnswer {
  const { calls, fleet, readFaults, setFault, setFilterMeaning } = options;
  switch (route) {
    case "GET /":
      return { status: 200, body: HELP };
    case "GET /faults":
      return { status: 200, body: readFaults() };
    case "POST /faults": {
      const { api, ...fault } = FAULT_ORDER.parse(JSON.parse(body));
      setFault(api, fault["kind"] === null ? null : FAULT.parse(fault));
      return { status: 200, body: readFaults() };
    }
    case "DELETE /faults": {
      const api = query.get("api");
      for (const name of api === null ? API_NAMES : [API_NAME.parse(api)]) setFault(name, null);
      return { status: 200, body: readFaults() };
    }
    case "GET /calls":
      return { status: 200, body: calls.toJson() };
    case "DELETE /calls":
      calls.reset();
      return { status: 200, body: {} };
    case "POST /filter-meaning":
      setFilterMeaning(FILTER_ORDER.parse(JSON.parse(body)).meaning);
      return { status: 200, body: {} };
    case "GET /ids": {
      const { api, from, to } = ID_RANGE.parse(Object.fromEntries(query));
      const products = fleet.products.filter(({ prefix }) => api === undefined || prefix === api);
      return { status: 200, body: products.flatMap((product) => product.ids().slice(from, to)) };
    }
    default:
      return { status: 404, body: HELP };
  }
}

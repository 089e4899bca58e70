import "reflect-metadata";
import { pino } from "pino";
import { it } from "vitest";
import { createConfigSchema } from "../../src/config/index.ts";
import { CertificateCatalog } from "../../src/device-certificate/certificate-id.ts";
import { startEmulator } from "../../src/emulator/index.ts";
import { connectProducts } from "../../src/providers/connect.ts";
import { Secret } from "../../src/providers/credentials.ts";
import { products } from "../../src/providers/index.ts";
import { SharedRedis } from "../../src/redis.ts";
import { CertificateCache } from "../../src/retrieval/certificate-cache.ts";
import { createRedisSharedStore } from "../../src/retrieval/redis-shared-store.ts";
import { Retrieval } from "../../src/retrieval/retrieval.ts";
import { startRedis } from "../support/redis.ts";
import { toConnections } from "../support/subgraph.ts";

it("measure", async () => {
  const emulator = await startEmulator({ fleetSize: 2000, seed: "m", quotas: "off", latencyMs: 60 });
  const redis = await startRedis();
  const log = pino({ level: "silent" });
  const reps = [];
  for (let i = 0; i < 4; i++) {
    const config = createConfigSchema(products).parse({ connections: toConnections(emulator) });
    const connected = await connectProducts({ products, connections: config.connections, withinMs: 10_000, log });
    const r = new SharedRedis({ url: new Secret(redis.url), keyPrefix: "d:", log });
    const retrieval = new Retrieval({ cache: new CertificateCache(config.cache), log, shared: createRedisSharedStore({ redis: r }) });
    await r.untilUp(1000);
    const catalog = new CertificateCatalog(connected.products);
    reps.push({ r, connected, ask: (ids: string[], needsDetail: boolean, withinMs = 30_000) => Promise.allSettled(retrieval.load(ids.map((id) => ({ reference: catalog.resolveId(id), needsDetail, needsUnshared: false })), { deadlineMs: performance.now() + withinMs })) });
  }
  const calls = () => JSON.stringify(emulator.calls.toJson(), (k, v) => (v && typeof v === "object" && "arrived" in v ? v.arrived : v));
  const mqtt = emulator.fleet.products.find((p) => p.prefix === "tencent-mqtt")!.ids();
  const ssl = emulator.fleet.products.find((p) => p.prefix === "tencent-ssl")!.ids();
  const iot = emulator.fleet.products.find((p) => p.prefix === "aliyun-iot")!.ids();
  const round = async (name: string, ids: string[], d: boolean, which = reps) => {
    emulator.calls.reset();
    const t = performance.now();
    const out = await Promise.all(which.map((rep) => rep.ask(ids, d)));
    console.log(name, (performance.now() - t).toFixed(0), "ms", calls(), "failed", out.flat().filter((o) => o.status === "rejected").length);
  };
  await round("ROUND mqtt 1000 on 4 at once", mqtt.slice(0, 1000), false);
  await round("ROUND ssl 1000 on 4 at once", ssl.slice(0, 1000), false);
  await round("ROUND ssl detail 60 on 4 at once", ssl.slice(0, 60), true);
  await round("ROUND iot 60 on 1", iot.slice(0, 60), false, reps.slice(0, 1));
  await round("ROUND iot 120 on 4 at once", iot.slice(0, 120), false);
  await reps[0]!.r.client.config("RESETSTAT");
  await round("ROUND iot 100 new on 4 at once", iot.slice(200, 300), false);
  const info = await reps[0]!.r.client.info("commandstats");
  console.log("ROUND", [...info.matchAll(/cmdstat_(evalsha|publish|eval):calls=(\d+)/g)].map((m) => m[1] + m[2]).join(" "));
  // one-device question behind another's export
  emulator.calls.reset();
  const big = reps[0]!.ask(iot.slice(400, 600), false, 4_000);
  await new Promise((r) => setTimeout(r, 1500));
  for (const id of [iot[598]!, iot[597]!, iot[596]!]) {
    const t = performance.now();
    const [o] = await reps[1]!.ask([id], false, 10_000);
    console.log("ROUND one behind export", (performance.now() - t).toFixed(0), o!.status);
  }
  await big;
  for (const rep of reps) { rep.r.close(); await rep.connected.close(); }
  await redis.close(); await emulator.close();
}, 120_000);

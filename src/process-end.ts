// How the process ends: by a signal, or by a mistake that nothing caught; both answer what is in flight.
import type { Log } from "./log.ts";

export interface ProcessEnd {
  /** From now on an end waits for `drain`, at most `withinMs`. Before, there is nothing to wait for. */
  drainBy(drain: () => Promise<void>, withinMs: number): void;
}

const EXIT_MISTAKE = 1;

export function watchForEnd(log: Log): ProcessEnd {
  let draining: { readonly drain: () => Promise<void>; readonly withinMs: number } | undefined;
  let exitStatus = 0;

  const end = (): void => {
    if (draining === undefined) process.exit(exitStatus);
    // A drain that hangs must not keep the process.
    setTimeout(() => process.exit(exitStatus), draining.withinMs).unref();
    draining.drain().then(
      () => {
        log.info("stopped");
        process.exit(exitStatus);
      },
      (error: unknown) => {
        log.error({ err: error }, "the drain failed");
        process.exit(EXIT_MISTAKE);
      },
    );
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "draining");
    end();
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  // Rejections that nobody waits for arrive here too. The state is unknown: the next process does better.
  process.on("uncaughtException", (error) => {
    // One is enough: a mistake that comes again and again must not fill the log.
    if (exitStatus === EXIT_MISTAKE) return;
    exitStatus = EXIT_MISTAKE;
    log.error({ err: error }, "a mistake that nothing caught: draining");
    end();
  });
  // Whoever read the output may have gone away, which is no reason to end.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});

  return {
    drainBy(drain, withinMs) {
      draining = { drain, withinMs };
    },
  };
}

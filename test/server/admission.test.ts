import { describe, expect, it } from "vitest";
import { Admission } from "../../src/server/admission.ts";
import { Refusal } from "../../src/server/refusal.ts";

/** A line whose turns and clock the test moves. */
function createScene({
  concurrentRequests = 1_000,
  waitMs = 1_000,
  patienceMs = 60_000,
  hasBacklog = (): boolean => false,
} = {}) {
  const scheduled: (() => void)[] = [];
  const turnsOver: (() => void)[] = [];
  let nowMs = 0;
  const admission = new Admission({
    concurrentRequests,
    waitMs,
    patienceMs,
    hasBacklog,
    now: () => nowMs,
    onNextRound: (callback) => scheduled.push(callback),
    onTurnOver: (callback) => turnsOver.push(callback),
  });
  return {
    admission,
    pass: (ms: number) => {
      nowMs += ms;
    },
    /** One round of the event loop, with the turns that fit into it. */
    round: async (turnMs = 1) => {
      for (const callback of scheduled.splice(0)) callback();
      await Promise.resolve();
      for (let over = turnsOver.shift(); over !== undefined; over = turnsOver.shift()) {
        nowMs += turnMs;
        over();
        await Promise.resolve();
      }
    },
  };
}

describe("taking requests on", () => {
  it("refuses with 503 what exceeds the limit, and takes on again who comes when one has left", () => {
    const { admission } = createScene({ concurrentRequests: 2 });
    const leave = admission.enter();
    admission.enter();
    expect(() => admission.enter()).toThrow(Refusal);
    leave();
    leave();
    expect(admission.entered).toBe(1);
    admission.enter();
    expect(() => admission.enter()).toThrow("too much to do");
  });

  it("takes a burst on, however long its line is", () => {
    const { admission } = createScene();
    for (let index = 0; index < 500; index += 1) {
      admission.enter();
      void admission.turn();
    }
    expect(admission.entered).toBe(500);
  });

  it("refuses newcomers who would wait too long, once there has been a line for as long", async () => {
    const { admission, pass, round } = createScene();
    for (let index = 0; index < 200; index += 1) void admission.turn();
    for (let index = 0; index < 40; index += 1) {
      pass(20);
      await round();
    }
    // 160 wait, each for 20 ms; the line is 800 ms old.
    expect(admission.isOpen).toBe(true);
    for (let index = 0; index < 15; index += 1) {
      pass(20);
      await round();
    }
    expect(admission.isOpen).toBe(false);
    expect(() => admission.enter()).toThrow(Refusal);
    for (let index = 0; index < 100; index += 1) {
      pass(20);
      await round();
    }
    expect(admission.isOpen).toBe(true);
  });

  it("refuses at once who would have a turn when the time to answer is over", async () => {
    const { admission, pass, round } = createScene({ patienceMs: 1_500 });
    for (let index = 0; index < 40; index += 1) {
      void admission.turn();
      pass(20);
      await round();
    }
    for (let index = 0; index < 100; index += 1) void admission.turn();
    expect(() => admission.enter()).toThrow(Refusal);
  });

  it("does not mistake one slow turn for too many requests, also in a long line", async () => {
    const { admission, pass, round } = createScene();
    for (let index = 0; index < 200; index += 1) void admission.turn();
    pass(10_000);
    await round();
    expect(admission.isOpen).toBe(true);
  });

  it("refuses nobody for a short line, however slow it is", async () => {
    const { admission, pass, round } = createScene({ patienceMs: Number.POSITIVE_INFINITY });
    for (let index = 0; index < 60; index += 1) void admission.turn();
    for (let index = 0; index < 30; index += 1) {
      pass(5_000);
      await round();
    }
    expect(admission.isOpen).toBe(true);
  });
});

describe("taking turns", () => {
  it("lets as many begin in a round of the event loop as a millisecond has time for", async () => {
    const { admission, round } = createScene();
    const begun: string[] = [];
    for (const name of ["a", "b", "c", "d", "e"]) {
      void admission.turn().then(() => begun.push(name));
    }
    await round(0.4);
    expect(begun).toEqual(["a", "b", "c"]);
    await round(0.4);
    expect(begun).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("lets one begin in a round while there is work that was put off", async () => {
    let hasBacklog = true;
    const { admission, round } = createScene({ hasBacklog: () => hasBacklog });
    const begun: string[] = [];
    for (const name of ["a", "b", "c"]) void admission.turn().then(() => begun.push(name));
    await round(0.1);
    expect(begun).toEqual(["a"]);
    hasBacklog = false;
    await round(0.1);
    expect(begun).toEqual(["a", "b", "c"]);
  });

  it("lets the event loop go round before the next begins when one has taken long", async () => {
    const { admission, round } = createScene();
    const begun: string[] = [];
    for (const name of ["a", "b", "c"]) void admission.turn().then(() => begun.push(name));
    expect(begun).toEqual([]);
    await round();
    expect(begun).toEqual(["a"]);
    void admission.turn().then(() => begun.push("d"));
    await round();
    expect(begun).toEqual(["a", "b"]);
    await round();
    await round();
    await round();
    expect(begun).toEqual(["a", "b", "c", "d"]);
  });

  it("does no work for whoever waited longer than an answer may take", async () => {
    const { admission, pass, round } = createScene({ patienceMs: 5_000 });
    const late = admission.turn();
    pass(5_001);
    const inTime = admission.turn();
    const refused = expect(late).rejects.toThrow(Refusal);
    await round();
    await refused;
    await round();
    await expect(inTime).resolves.toBeUndefined();
  });

  it("lets small requests go before large ones, which have every fourth turn", async () => {
    const { admission, round } = createScene();
    const begun: string[] = [];
    const come = (name: string, bytes: number) =>
      admission.turn(bytes).then(() => begun.push(name));
    for (const large of ["A", "B", "C"]) void come(large, 4_097);
    for (const small of ["a", "b", "c", "d"]) void come(small, 4_096);
    for (let count = 0; count < 7; count += 1) await round(5);
    expect(begun.join("")).toBe("abcAdBC");
  });

  it("does not begin while connections come that were made together, but does not wait for them for long", async () => {
    const { admission, pass, round } = createScene();
    const begun: string[] = [];
    admission.connected();
    void admission.turn().then(() => begun.push("first"));
    for (let count = 0; count < 20; count += 1) {
      admission.connected();
      await round();
      pass(1);
    }
    void admission.turn().then(() => begun.push("last"));
    expect(begun).toEqual([]);
    await round();
    expect(begun).toEqual(["first"]);
    // The line is older than that by now.
    pass(50);
    admission.connected();
    await round();
    expect(begun).toEqual(["first", "last"]);
  });

  it("begins anew after the line was empty", async () => {
    const { admission, round } = createScene();
    for (let time = 0; time < 3; time += 1) {
      let hasBegun = false;
      void admission.turn().then(() => {
        hasBegun = true;
      });
      await round();
      expect(hasBegun).toBe(true);
    }
  });
});

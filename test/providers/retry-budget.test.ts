import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../src/providers/retry-budget.ts";

describe("the budget of repetitions", () => {
  it("allows a few and no more while nothing succeeds", () => {
    const budget = new RetryBudget(10);
    const allowed = Array.from({ length: 1_000 }, () => budget.borrow()).filter(Boolean);
    expect(allowed).toHaveLength(10);
  });

  it("gets back what a call borrowed that succeeds in the end, so that a cloud that fails now and then is asked again each time", () => {
    const budget = new RetryBudget(10);
    for (let call = 0; call < 1_000; call += 1) {
      expect([budget.borrow(), budget.borrow()]).toEqual([true, true]);
      budget.succeeded(2);
    }
  });

  it("fills up again by one for every ten calls that succeed at once, and never beyond its size", () => {
    const budget = new RetryBudget(10);
    const empty = () => {
      let borrowed = 0;
      while (budget.borrow()) borrowed += 1;
      return borrowed;
    };
    empty();
    for (let call = 0; call < 31; call += 1) budget.succeeded(0);
    expect(empty()).toBe(3);
    for (let call = 0; call < 1_000; call += 1) budget.succeeded(0);
    expect(empty()).toBe(10);
  });
});

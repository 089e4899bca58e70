// Of the slots that Redis gave, those that are a replica's own should Redis be gone: of calls under way, and lately gone back.
import type { Slot } from "./call-window.ts";
import { dropUntil } from "./sent-calls.ts";

/** A call under way whose slot was given by Redis. */
export interface SharedCall {
  readonly sentAtMs: number;
  /** Its slot of this replica's own part, since Redis is gone. */
  ownSlot?: Slot;
}

export class OwnSlots {
  readonly #underWay = new Set<SharedCall>();
  /** When those may be used that went back after an answer. */
  #returnedUsableAtMs: number[] = [];

  get size(): number {
    return this.#underWay.size + this.#returnedUsableAtMs.length;
  }

  get returnedUsableAtMs(): readonly number[] {
    return this.#returnedUsableAtMs;
  }

  addCall(sentAtMs: number): SharedCall {
    const call = { sentAtMs };
    this.#underWay.add(call);
    return call;
  }

  removeCall(call: SharedCall): void {
    this.#underWay.delete(call);
  }

  /** Those of earlier calls first. */
  addReturned(usableAtMs: readonly number[]): void {
    dropUntil(this.#returnedUsableAtMs, performance.now());
    this.#returnedUsableAtMs.push(...usableAtMs);
  }

  /** Takes all that went back out, and gives those that may be used later than this. */
  takeReturnedAfter(ms: number): number[] {
    return this.#returnedUsableAtMs.splice(0).filter((usableAtMs) => usableAtMs > ms);
  }

  /** Redis is gone: from now on they are slots of this replica's part. */
  moveCalls(toOwnSlot: (sentAtMs: number) => Slot): void {
    for (const call of this.#underWay) call.ownSlot = toOwnSlot(call.sentAtMs);
    this.forget();
  }

  forget(): void {
    this.#underWay.clear();
    this.#returnedUsableAtMs = [];
  }
}

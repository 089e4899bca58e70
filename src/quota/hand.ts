// The slots that a replica may use and has not used yet, the earliest first.

/** A slot that may be used from this time on. */
export interface Token {
  readonly usableAtMs: number;
  /** Given for a requester that has had no turn yet. */
  readonly isForFirstTurn: boolean;
}

export class Hand {
  #tokens: Token[] = [];

  get size(): number {
    return this.#tokens.length;
  }

  get firstTurns(): number {
    return this.#tokens.filter(({ isForFirstTurn }) => isForFirstTurn).length;
  }

  /** When they may be used. */
  get usableAtMs(): number[] {
    return this.#tokens.map(({ usableAtMs }) => usableAtMs);
  }

  add(tokens: readonly Token[]): void {
    this.#tokens.push(...tokens);
    this.#tokens.sort((one, other) => one.usableAtMs - other.usableAtMs);
  }

  addForAnyTurn(usableAtMs: readonly number[]): void {
    this.add(usableAtMs.map((ms) => ({ usableAtMs: ms, isForFirstTurn: false })));
  }

  countUsableAt(ms: number): number {
    const firstResting = this.#tokens.findIndex(({ usableAtMs }) => usableAtMs > ms);
    return firstResting === -1 ? this.#tokens.length : firstResting;
  }

  /** When the first one may be used that may not be so yet. */
  findNextAfter(ms: number): number | undefined {
    return this.#tokens.find(({ usableAtMs }) => usableAtMs > ms)?.usableAtMs;
  }

  /** When the first one may be used that is not kept for a first turn. */
  findUnspared(): number | undefined {
    return this.#tokens.find(({ isForFirstTurn }) => !isForFirstTurn)?.usableAtMs;
  }

  /** Takes one that may be used: for a first turn one that was given for that, where there is a choice. */
  use(now: number, isFirstTurn: boolean): void {
    const usable = this.#tokens.slice(0, this.countUsableAt(now));
    if (usable.length === 0) throw new Error("a slot was taken that is not there");
    const fitting = usable.findIndex(({ isForFirstTurn }) => isForFirstTurn === isFirstTurn);
    this.#tokens.splice(Math.max(0, fitting), 1);
  }

  /** Whoever they were given for has gone, or had another one. */
  releaseFirstTurns(): void {
    if (this.firstTurns === 0) return;
    this.#tokens = this.#tokens.map(({ usableAtMs }) => ({ usableAtMs, isForFirstTurn: false }));
  }

  /** Takes all but the earliest of them out. */
  takeOut(keep = 0): Token[] {
    return this.#tokens.splice(keep);
  }
}

// Who goes first: fair between requesters, those whose answer is still wanted before those that were answered already.
import type { Requester } from "./quota.ts";

/** Of so many turns one goes to requesters whose deadline has passed, so that their calls are made some day. */
const BACKGROUND_EVERY = 4;

interface Line<Entry> {
  readonly requester: Requester;
  readonly entries: Entry[];
  /** Numbers that grow along the line, so that the place of an entry is known without a search. */
  readonly numbers: Map<Entry, number>;
  /** Its turns so far, counted from that of the line that had fewest when it came. */
  turns: number;
  hasHadTurn: boolean;
}

/** An entry may stand in the lines of several requesters; it is served once. */
export class FairQueue<Entry extends object> {
  readonly #lines = new Map<Requester, Line<Entry>>();
  readonly #waiting = new Set<Entry>();
  #turnsSinceBackground = 0;

  /** Entries that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  has(entry: Entry): boolean {
    return this.#waiting.has(entry);
  }

  /** Puts an entry at the end of the requester's line, or at its front. */
  add(requester: Requester, entry: Entry, isFirst = false): void {
    this.#waiting.add(entry);
    const line = this.#lines.get(requester) ?? this.#openLine(requester);
    const { entries, numbers } = line;
    const neighbour = isFirst ? entries[0] : entries.at(-1);
    const number = neighbour === undefined ? 0 : (numbers.get(neighbour) ?? 0);
    numbers.set(entry, isFirst ? number - 1 : number + 1);
    if (isFirst) entries.unshift(entry);
    else entries.push(entry);
  }

  /** Whose turn it is, and whether its requester has had none before. */
  peek(): { readonly entry: Entry; readonly isFirstTurn: boolean } | undefined {
    const line = this.#findNext();
    const entry = line?.entries[0];
    return line && entry ? { entry, isFirstTurn: !line.hasHadTurn } : undefined;
  }

  /** Takes out the entry that `peek` shows; it counts as a turn of its requester. */
  take(): Entry | undefined {
    const line = this.#findNext();
    const entry = line?.entries.shift();
    if (line === undefined || entry === undefined) return undefined;
    line.numbers.delete(entry);
    line.turns += 1;
    line.hasHadTurn = true;
    this.#turnsSinceBackground = isLive(line) ? this.#turnsSinceBackground + 1 : 0;
    this.#waiting.delete(entry);
    return entry;
  }

  /** Takes out an entry wherever it stands, without it being anybody's turn. */
  remove(entry: Entry): void {
    this.#waiting.delete(entry);
  }

  /** How many entries will probably be served until this one is. */
  countUntil(entry: Entry): number {
    const lines = [...this.#lines.values()];
    const rank = Math.min(...lines.map((line) => findRank(line, entry)));
    if (!Number.isFinite(rank)) return 0;
    return lines.reduce((sum, { entries }) => sum + Math.min(entries.length, rank + 1), 0);
  }

  #openLine(requester: Requester): Line<Entry> {
    const fewest = Math.min(...[...this.#lines.values()].map(({ turns }) => turns));
    const turns = Number.isFinite(fewest) ? fewest - 1 : 0;
    const line: Line<Entry> = {
      requester,
      entries: [],
      numbers: new Map(),
      turns,
      hasHadTurn: false,
    };
    this.#lines.set(requester, line);
    return line;
  }

  #findNext(): Line<Entry> | undefined {
    let live: Line<Entry> | undefined;
    let background: Line<Entry> | undefined;
    for (const line of this.#lines.values()) {
      this.#dropServed(line);
      if (line.entries.length === 0) this.#lines.delete(line.requester);
      else if (isLive(line)) live = toFewerTurns(live, line);
      else background = toFewerTurns(background, line);
    }
    const isTurnOfBackground = this.#turnsSinceBackground >= BACKGROUND_EVERY - 1;
    return isTurnOfBackground ? (background ?? live) : (live ?? background);
  }

  #dropServed({ entries, numbers }: Line<Entry>): void {
    for (let first = entries[0]; first !== undefined; first = entries[0]) {
      if (this.#waiting.has(first)) return;
      entries.shift();
      numbers.delete(first);
    }
  }
}

function findRank<Entry>({ entries, numbers }: Line<Entry>, entry: Entry): number {
  const [first] = entries;
  const number = numbers.get(entry);
  if (first === undefined || number === undefined) return Number.POSITIVE_INFINITY;
  return number - (numbers.get(first) ?? 0);
}

function isLive({ requester }: { readonly requester: Requester }): boolean {
  return performance.now() < requester.deadlineMs;
}

function toFewerTurns<L extends { readonly turns: number }>(one: L | undefined, other: L): L {
  return one !== undefined && one.turns <= other.turns ? one : other;
}

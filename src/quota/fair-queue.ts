// Who goes first: fair between requesters, those whose answer is still wanted before those that were answered already.
import type { Requester } from "./quota.ts";

/**
 * Who waits for more than this is no newcomer: with slots that are kept for newcomers a burst of large questions would take
 * what is kept for small ones, and have nothing of it.
 */
const MOST_OF_NEWCOMER = 8;
/** Of so many turns one goes to requesters that are no newcomers, so that many small questions do not stop a large one. */
const OTHERS_EVERY = 4;
/** Of so many turns one goes to requesters whose deadline has passed, so that their calls are made some day. */
const BACKGROUND_EVERY = 4;

interface Line<Entry> {
  readonly requester: Requester;
  readonly entries: Entry[];
  /** Numbers that grow along the line, so that the place of an entry is known without a search. */
  readonly numbers: Map<Entry, number>;
  /** How many turns there had been in all when it had its last one, or when it came. */
  waitsSince: number;
  hasHadTurn: boolean;
}

/** What may be taken out of the queue next. */
export interface Turn<Entry> {
  readonly entry: Entry;
  readonly requester: Requester;
  /** Whether its requester is a newcomer: it still waits, for a few entries, and has had no turn before. */
  readonly isFirstTurn: boolean;
}

/**
 * Newcomers go first: behind fifty large questions at ten calls a second their turn would come after five seconds. Else
 * the turn is that of the requester that has waited longest since its last one or since it came. Nobody waits for ever,
 * however many come.
 * An entry may stand in the lines of several requesters; it is served once.
 */
export class FairQueue<Entry extends object> {
  readonly #lines = new Map<Requester, Line<Entry>>();
  /** With the lines in which each stands. */
  readonly #waiting = new Map<Entry, Line<Entry>[]>();
  #turns = 0;
  #turnsSinceOthers = 0;
  #turnsSinceBackground = 0;

  /** Entries that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Newcomers. */
  get firstTurns(): number {
    const now = performance.now();
    let count = 0;
    for (const line of this.#dropServed()) {
      if (isNewcomer(line, now)) count += 1;
    }
    return count;
  }

  has(entry: Entry): boolean {
    return this.#waiting.has(entry);
  }

  /** Whether anything may be waiting for the requester. */
  hasOf(requester: Requester): boolean {
    return this.#lines.has(requester);
  }

  /** Puts an entry at the end of the requester's line, or at its front. */
  add(requester: Requester, entry: Entry, isFirst = false): void {
    const line = this.#lines.get(requester) ?? this.#openLine(requester);
    const itsLines = this.#waiting.get(entry) ?? [];
    this.#waiting.set(entry, itsLines);
    const { entries, numbers } = line;
    if (numbers.has(entry)) return;
    itsLines.push(line);
    const neighbour = isFirst ? entries[0] : entries.at(-1);
    const number = neighbour === undefined ? 0 : (numbers.get(neighbour) ?? 0);
    numbers.set(entry, isFirst ? number - 1 : number + 1);
    if (isFirst) entries.unshift(entry);
    else entries.push(entry);
  }

  /** Whose turn it is. */
  peek(): Turn<Entry> | undefined {
    return toTurn(this.#findNext());
  }

  /** Whose turn it would be if only newcomers counted. */
  peekFirstTurn(): Turn<Entry> | undefined {
    let newcomer: Line<Entry> | undefined;
    for (const line of this.#dropServed()) {
      if (isNewcomer(line)) newcomer = toLongerWaiting(newcomer, line);
    }
    return toTurn(newcomer);
  }

  /** Takes out what was shown before; by default what `peek` shows. It counts as a turn of its requester. */
  take(turn = this.peek()): Entry | undefined {
    const line = turn && this.#lines.get(turn.requester);
    const entry = line?.entries.shift();
    if (line === undefined || entry === undefined) return undefined;
    line.numbers.delete(entry);
    this.#turns += 1;
    this.#turnsSinceOthers = turn?.isFirstTurn ? this.#turnsSinceOthers + 1 : 0;
    // A turn also of those who wait for the same: fifty equal questions are no fifty turns before somebody else's.
    for (const other of this.#lines.values()) {
      if (other !== line && !other.numbers.has(entry)) continue;
      other.waitsSince = this.#turns;
      other.hasHadTurn = true;
    }
    this.#turnsSinceBackground = isLive(line) ? this.#turnsSinceBackground + 1 : 0;
    this.#waiting.delete(entry);
    return entry;
  }

  /** Takes out an entry wherever it stands, without it being anybody's turn. */
  remove(entry: Entry): void {
    this.#waiting.delete(entry);
  }

  /** Whether it is what a newcomer waits for first. */
  isOfNewcomer(entry: Entry): boolean {
    const lines = this.#waiting.get(entry) ?? [];
    return lines.some((line) => line.entries[0] === entry && isNewcomer(line));
  }

  /** How many entries will probably be served until this one is, itself included. */
  countUntil(entry: Entry): number {
    const itsLines = this.#waiting.get(entry);
    if (itsLines === undefined) return 0;
    const now = performance.now();
    let liveRank = Number.POSITIVE_INFINITY;
    let backgroundRank = Number.POSITIVE_INFINITY;
    for (const line of itsLines) {
      const rank = findRank(line, entry);
      if (isLive(line, now)) liveRank = Math.min(liveRank, rank);
      else backgroundRank = Math.min(backgroundRank, rank);
    }
    const isBackground = liveRank === Number.POSITIVE_INFINITY;
    const rank = isBackground ? backgroundRank : liveRank;
    let before = 0;
    let others = 0;
    let standing = 0;
    for (const line of this.#lines.values()) {
      const { length } = line.entries;
      standing += length;
      if (isLive(line, now) === isBackground) others += length;
      else before += Math.min(length, rank + 1);
    }
    const otherTurns = isBackground
      ? before * (BACKGROUND_EVERY - 1)
      : Math.floor(before / (BACKGROUND_EVERY - 1));
    // What stands in several lines is served once.
    const served = ((before + Math.min(others, otherTurns)) * this.#waiting.size) / standing;
    return Math.max(1, Math.round(served));
  }

  #openLine(requester: Requester): Line<Entry> {
    const line: Line<Entry> = {
      requester,
      entries: [],
      numbers: new Map(),
      waitsSince: this.#turns,
      hasHadTurn: false,
    };
    this.#lines.set(requester, line);
    return line;
  }

  #findNext(): Line<Entry> | undefined {
    const now = performance.now();
    let newcomer: Line<Entry> | undefined;
    let other: Line<Entry> | undefined;
    let background: Line<Entry> | undefined;
    for (const line of this.#dropServed()) {
      if (!isLive(line, now)) background = toLongerWaiting(background, line);
      else if (isNewcomer(line, now)) newcomer = toLongerWaiting(newcomer, line);
      else other = toLongerWaiting(other, line);
    }
    const isTurnOfOthers = this.#turnsSinceOthers >= OTHERS_EVERY - 1;
    const live = isTurnOfOthers ? (other ?? newcomer) : (newcomer ?? other);
    const isTurnOfBackground = this.#turnsSinceBackground >= BACKGROUND_EVERY - 1;
    return isTurnOfBackground ? (background ?? live) : (live ?? background);
  }

  /** The lines in which something waits, with that in front. */
  *#dropServed(): Generator<Line<Entry>> {
    for (const line of this.#lines.values()) {
      const { entries, numbers, requester } = line;
      for (let first = entries[0]; first !== undefined; first = entries[0]) {
        if (this.#waiting.has(first)) break;
        entries.shift();
        numbers.delete(first);
      }
      if (entries.length === 0) this.#lines.delete(requester);
      else yield line;
    }
  }
}

function toTurn<Entry>(line: Line<Entry> | undefined): Turn<Entry> | undefined {
  const entry = line?.entries[0];
  if (line === undefined || entry === undefined) return undefined;
  return { entry, requester: line.requester, isFirstTurn: isNewcomer(line) };
}

function isNewcomer<Entry>(line: Line<Entry>, now?: number): boolean {
  return !line.hasHadTurn && line.entries.length <= MOST_OF_NEWCOMER && isLive(line, now);
}

function findRank<Entry>({ entries, numbers }: Line<Entry>, entry: Entry): number {
  const [first] = entries;
  const number = numbers.get(entry);
  if (first === undefined || number === undefined) return Number.POSITIVE_INFINITY;
  return number - (numbers.get(first) ?? 0);
}

function isLive(
  { requester }: { readonly requester: Requester },
  now = performance.now(),
): boolean {
  return now < requester.deadlineMs;
}

/** Of two that have waited equally long the one without a turn before, then the one that came first. */
function toLongerWaiting<L extends { readonly waitsSince: number; readonly hasHadTurn: boolean }>(
  one: L | undefined,
  other: L,
): L {
  if (one === undefined || other.waitsSince < one.waitsSince) return other;
  if (other.waitsSince > one.waitsSince) return one;
  return one.hasHadTurn && !other.hasHadTurn ? other : one;
}

// What certificates were answered with, kept as text for as long as the same answer would be given.
import type { DeviceCertificate } from "../device-certificate/device-certificate.ts";
import type { AnswerText } from "./answer-text.ts";

/** How many characters, of a byte each, are kept at least before any are forgotten; at most twice as many are. */
const MAX_CHARACTERS = 32_000_000;
/** What an entry takes beside its text. */
const ENTRY_CHARACTERS = 400;

interface Kept {
  readonly text: AnswerText;
  readonly id: string;
  readonly stale: boolean;
  /** When the system clock shows another time, something may be told otherwise. */
  readonly fromMs: number;
  readonly untilMs: number;
}

/** By question, for each reading. No two readings have the same object for their time, and it is gone with the reading. */
type Texts = WeakMap<Date, Map<string, Kept>>;

/** Lives as long as the process. */
export class KeptTexts {
  /** What was not asked for since `#older` was begun is forgotten: cheaper than to note the order of every use. */
  #newer: Texts = new WeakMap();
  #older: Texts = new WeakMap();
  #characters = 0;

  /** `question` names what is asked of the certificate. */
  find(question: string, certificate: DeviceCertificate): AnswerText | undefined {
    const { id, fetchedAt, stale, readAt } = certificate;
    const newer = this.#newer.get(fetchedAt)?.get(question);
    const kept = newer ?? this.#older.get(fetchedAt)?.get(question);
    const nowMs = readAt.getTime();
    if (kept === undefined || kept.id !== id || kept.stale !== stale) return undefined;
    if (nowMs < kept.fromMs || nowMs >= kept.untilMs) return undefined;
    if (newer === undefined) this.#set(question, fetchedAt, kept);
    return kept.text;
  }

  /** To be called after all that is asked was read of the certificate, so that it knows how long that stays the same. */
  keep(question: string, certificate: DeviceCertificate, text: AnswerText): void {
    const { id, fetchedAt, stale, readAt, unchangedUntilMs: untilMs } = certificate;
    this.#set(question, fetchedAt, { text, id, stale, fromMs: readAt.getTime(), untilMs });
  }

  #set(question: string, fetchedAt: Date, kept: Kept): void {
    const characters = kept.text.json.length + ENTRY_CHARACTERS;
    if (this.#characters + characters > MAX_CHARACTERS) {
      this.#older = this.#newer;
      this.#newer = new WeakMap();
      this.#characters = 0;
    }
    this.#characters += characters;
    const texts = this.#newer.get(fetchedAt) ?? new Map<string, Kept>();
    this.#newer.set(fetchedAt, texts.set(question, kept));
  }
}

// Holds the rows of a directory file in as little memory as their text needs, and 12 bytes more a row.

const ROWS_PER_SEGMENT = 65_535;
const SLOTS = 131_072;
const FIRST_BYTES = 1024 * 1024;
/** A character of a text takes at most so many bytes. */
const MAX_BYTES_PER_CHARACTER = 3;

/** From device ids to certificate ids, in the order in which they were added. */
export class DirectoryIndex {
  readonly #segments: Segment[] = [];
  #sealedBytes = 0;
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** The memory that it takes, outside of the JavaScript heap. */
  get bytes(): number {
    return this.#sealedBytes + (this.#segments.at(-1)?.bytes ?? 0);
  }

  /** Both have at most 1024 characters. */
  add(deviceId: string, certificateId: string): void {
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.isFull) {
      this.seal();
      this.#sealedBytes = this.bytes;
      segment = new Segment();
      this.#segments.push(segment);
    }
    segment.add(toHash(deviceId), deviceId, certificateId);
    this.#rows++;
  }

  /** Gives back the memory that was held for further rows. */
  seal(): void {
    this.#segments.at(-1)?.seal();
  }

  /** Each once, even if several rows say the same. */
  find(deviceId: string): readonly string[] {
    const hash = toHash(deviceId);
    const found = this.#segments.flatMap((segment) => segment.find(hash, deviceId));
    return found.length > 1 ? [...new Set(found)] : found;
  }
}

/**
 * So many rows that their numbers fit 16 bits. Small tables instead of one that grows: growing would move a million
 * rows at once, while requests wait.
 */
class Segment {
  /** Of each row: the length of its device id in bytes, its device id, its certificate id. */
  #texts = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #textsEnd = 0;
  #rows = 0;
  readonly #starts = new Uint32Array(ROWS_PER_SEGMENT + 1);
  /** By hash: the last row of a device, counted from 1, or 0. A device whose slot is taken gets the next one. */
  readonly #lastRows = new Uint16Array(SLOTS);
  /** The next row of the same device; of the last one, the first. */
  readonly #nextRows = new Uint16Array(ROWS_PER_SEGMENT + 1);

  get isFull(): boolean {
    return this.#rows === ROWS_PER_SEGMENT;
  }

  get bytes(): number {
    const { byteLength } = this.#texts;
    const tables = [this.#starts, this.#lastRows, this.#nextRows];
    return tables.reduce((sum, table) => sum + table.byteLength, byteLength);
  }

  add(hash: number, deviceId: string, certificateId: string): void {
    const slot = this.#findSlot(hash, deviceId);
    const start = this.#textsEnd;
    const longest = 2 + MAX_BYTES_PER_CHARACTER * (deviceId.length + certificateId.length);
    if (start + longest > this.#texts.length) this.#resize(this.#texts.length * 2 + longest);
    const deviceBytes = this.#texts.write(deviceId, start + 2);
    this.#texts.writeUInt16LE(deviceBytes, start);
    const certificateStart = start + 2 + deviceBytes;
    this.#textsEnd = certificateStart + this.#texts.write(certificateId, certificateStart);

    this.#rows++;
    const row = this.#rows;
    this.#starts[row - 1] = start;
    const last = this.#lastRows[slot] ?? 0;
    this.#nextRows[row] = last === 0 ? row : (this.#nextRows[last] ?? 0);
    if (last !== 0) this.#nextRows[last] = row;
    this.#lastRows[slot] = row;
  }

  find(hash: number, deviceId: string): string[] {
    const last = this.#lastRows[this.#findSlot(hash, deviceId)] ?? 0;
    const found: string[] = [];
    for (let row = last; row !== 0; ) {
      row = this.#nextRows[row] ?? 0;
      found.push(this.#readCertificateId(row));
      if (row === last) break;
    }
    return found;
  }

  seal(): void {
    this.#resize(this.#textsEnd);
  }

  /** The slot of the device, or the free one that it would take. There are twice as many as rows. */
  #findSlot(hash: number, deviceId: string): number {
    let slot = hash & (SLOTS - 1);
    for (;;) {
      const row = this.#lastRows[slot] ?? 0;
      if (row === 0 || this.#readDeviceId(row) === deviceId) return slot;
      slot = (slot + 1) & (SLOTS - 1);
    }
  }

  #readDeviceId(row: number): string {
    const start = this.#starts[row - 1] ?? 0;
    return this.#texts.toString("utf8", start + 2, start + 2 + this.#texts.readUInt16LE(start));
  }

  #readCertificateId(row: number): string {
    const start = this.#starts[row - 1] ?? 0;
    const end = row === this.#rows ? this.#textsEnd : this.#starts[row];
    return this.#texts.toString("utf8", start + 2 + this.#texts.readUInt16LE(start), end);
  }

  #resize(size: number): void {
    const texts = Buffer.allocUnsafeSlow(size);
    this.#texts.copy(texts, 0, 0, this.#textsEnd);
    this.#texts = texts;
  }
}

/** FNV-1a over the units of the text. */
function toHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // The low bits choose the slot: let the high ones have a say.
  return (hash ^ (hash >>> 15)) >>> 0;
}

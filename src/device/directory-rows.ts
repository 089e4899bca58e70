// Reads the rows of a directory file, CSV or NDJSON: one line is one row, so that a broken one costs itself alone.

/** A device and one of its certificates. */
export interface DirectoryRow {
  readonly deviceId: string;
  readonly certificateId: string;
}

/** Why a line is no row, as the end of a sentence that starts with the line. */
export interface BadRow {
  readonly reason: string;
}

/** Reads one line after the other; `null` for a line that holds no row, such as a header. */
export type RowReader = (line: string) => DirectoryRow | BadRow | null;

const MAX_DEVICE_ID_LENGTH = 1024;
const BYTE_ORDER_MARK = "\ufeff";

/** By the file's name, else by its first line that is not empty. */
export function createRowReader(fileName: string): RowReader {
  let read: RowReader | undefined = /\.csv$/i.test(fileName)
    ? createCsvReader()
    : /\.(?:ndjson|jsonl)$/i.test(fileName)
      ? readJson
      : undefined;
  let isFirst = true;
  return (text) => {
    let line = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (isFirst && line.startsWith(BYTE_ORDER_MARK)) line = line.slice(1);
    isFirst = false;
    if (line === "" || line.trim() === "") return null;
    read ??= line.trimStart().startsWith("{") ? readJson : createCsvReader();
    const row = read(line);
    return row === null || "reason" in row ? row : checkDeviceId(row);
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u001f\u007f]/;

function checkDeviceId(row: DirectoryRow): DirectoryRow | BadRow {
  const { deviceId } = row;
  if (deviceId === "") return { reason: "deviceId is empty" };
  if (deviceId.length > MAX_DEVICE_ID_LENGTH) {
    return { reason: `deviceId has more than ${MAX_DEVICE_ID_LENGTH} characters` };
  }
  if (CONTROL_CHARACTER.test(deviceId)) return { reason: "deviceId has control characters" };
  return deviceId.isWellFormed() ? row : { reason: "deviceId is no well-formed Unicode" };
}

/** RFC 4180, except that no field spans lines: ids have no line breaks, and a lost quote must not swallow the file. */
function createCsvReader(): RowReader {
  let columns: { readonly count: number; readonly device: number; readonly certificate: number };
  let isFirst = true;
  return (line) => {
    const cells = splitCells(line);
    if (isFirst) {
      isFirst = false;
      const names = cells?.map((cell) => cell.trim().toLowerCase()) ?? [];
      const device = names.indexOf("deviceid");
      const certificate = names.indexOf("certificateid");
      const hasHeader = device >= 0 && certificate >= 0;
      columns = hasHeader
        ? { count: names.length, device, certificate }
        : { count: 2, device: 0, certificate: 1 };
      if (hasHeader) return null;
    }
    if (cells === null) return { reason: "a quote is lost, or stands inside of a field" };
    if (cells.length !== columns.count) {
      return { reason: `expected ${columns.count} columns, got ${cells.length}` };
    }
    return {
      deviceId: cells[columns.device] ?? "",
      certificateId: cells[columns.certificate] ?? "",
    };
  };
}

function splitCells(line: string): string[] | null {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (;;) {
    const match = cell.exec(line);
    if (match === null) return null;
    const [, quoted, plain = "", separator] = match;
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (separator === "") return cells;
  }
}

function readJson(line: string): DirectoryRow | BadRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { reason: "is no JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { reason: "is no JSON object" };
  }
  const deviceId = "deviceId" in value ? value.deviceId : undefined;
  const certificateId = "certificateId" in value ? value.certificateId : undefined;
  if (typeof certificateId !== "string") return { reason: "has no text certificateId" };
  if (typeof deviceId === "string") return { deviceId, certificateId };
  if (typeof deviceId === "number" && Number.isSafeInteger(deviceId)) {
    return { deviceId: String(deviceId), certificateId };
  }
  return { reason: "has no text or whole number deviceId" };
}

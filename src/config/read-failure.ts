// Why a file could not be read, as the end of a sentence that starts with its name.

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist: a part of its path is not a folder",
  EISDIR: "is a folder, not a file",
  EACCES: "cannot be read: permission denied",
  EPERM: "cannot be read: permission denied",
  ELOOP: "cannot be read: its links lead in a circle",
  ERR_ENCODING_INVALID_ENCODED_DATA: "is not UTF-8 text",
};

/** Says it without the system's own text, which may repeat more than it should. */
export function toReadFailure(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return REASONS[code] ?? (code === "" ? "cannot be read" : `cannot be read (${code})`);
}

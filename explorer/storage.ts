// What GraphiQL remembers from one visit to the next: everything but headers, which hold tokens. Its own switch for
// that (`shouldPersistHeaders`) spares the tabs alone, not the history of what was run (seen in 5.4.0).

/** The browser's storage; this page has it to itself. */
export const storage = {
  getItem: (key: string) => localStorage.getItem(key),
  setItem: (key: string, value: string) => localStorage.setItem(key, withoutHeaders(value)),
  removeItem: (key: string) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
  get length() {
    return localStorage.length;
  },
};

function withoutHeaders(value: string): string {
  if (!value.includes('"headers"')) return value;
  try {
    // Variables and queries are texts in there: only GraphiQL's own `headers` are taken.
    return JSON.stringify(JSON.parse(value, (key, item) => (key === "headers" ? null : item)));
  } catch {
    return value;
  }
}

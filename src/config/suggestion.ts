// Which known word somebody probably meant.

/** The known word nearest to a mistyped one, when it is near enough to be meant. */
export function toSuggestion(word: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let nearestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = toEditDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < nearestDistance && distance <= Math.ceil(candidate.length / 4)) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** How many letters must be added, dropped or changed to turn one word into the other. */
function toEditDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

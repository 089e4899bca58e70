// The names under which caches in front of the subgraph can drop what one answer told, by Apollo Router's protocol.

/** Lives as long as a request. */
export class CacheTags {
  #ofEntities: (() => readonly (readonly string[])[]) | undefined;
  #entityFields = 0;

  /** The field `_entities` tells of these: tags for each representation, in their order, made when they are needed. */
  addEntities(toTags: () => readonly (readonly string[])[]): void {
    this.#entityFields += 1;
    this.#ofEntities = toTags;
  }

  /** `undefined` without `_entities`; with two such fields in one operation nobody could tell whose they are. */
  toExtensions(): Record<string, unknown> | undefined {
    return this.#entityFields === 1 ? { apolloEntityCacheTags: this.#ofEntities?.() } : undefined;
  }
}

/** The tag of what an answer tells of one certificate. */
export function toCacheTag(certificateId: string): string {
  return `device-certificate:${certificateId}`;
}

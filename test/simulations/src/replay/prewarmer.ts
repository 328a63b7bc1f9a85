// Prewarms as workers do. It confirms the most popular tags periodically. If a tag has moved, it fetches the images for
// the pulled platforms, one after another, within the rate limit.
import type { PopularityIndex } from '@cistern/index';
import type { CatalogueTag, ObjectId } from './catalogue.ts';
import type { TagRecords } from './tag-records.ts';

export interface PrewarmSettings {
  /** The number of most popular tags to prewarm. */
  readonly topTags: number;
  readonly everyMs: number;
  readonly bytesPerSecond: number;
}

export interface PrewarmerOptions extends PrewarmSettings {
  readonly popularity: PopularityIndex;
  readonly records: TagRecords;
  readonly tagOf: (repository: string, tag: string) => CatalogueTag;
  readonly sizes: readonly number[];
  /** Whether the object has been fetched before, by prewarming or for a client. */
  readonly isKnown: (object: ObjectId) => boolean;
  readonly onFetched: (object: ObjectId) => void;
  readonly setClock: (nowMs: number) => void;
}

export interface Prewarmer {
  /** Does all work that is due until `nowMs`. */
  runUntil(nowMs: number): Promise<void>;
  /** Called when a client's pull has found that the tag has moved. */
  fetch(tag: CatalogueTag, nowMs: number): Promise<void>;
}

export function createPrewarmer(options: PrewarmerOptions): Prewarmer {
  const { popularity, records, tagOf, sizes, isKnown, onFetched, setClock, topTags, everyMs } = options;
  const waiting: { readonly object: ObjectId; readonly atMs: number }[] = [];
  let next = 0;
  let busyUntilMs = 0;
  let roundAtMs = 0;

  function arrive(nowMs: number): void {
    for (; next < waiting.length && waiting[next]!.atMs <= nowMs; next += 1) onFetched(waiting[next]!.object);
  }

  async function fetch(tag: CatalogueTag, nowMs: number): Promise<void> {
    const platforms = await popularity.platforms(10_000);
    const wanted = new Set(
      platforms.filter(({ repository }) => repository === tag.repository).map((one) => one.platform),
    );
    const version = records.version(tag)!;
    const images = version.images.filter(({ platform }) => wanted.has(platform));
    const objects = [version.index, ...images.flatMap(({ manifest, blobs }) => [manifest, ...blobs])];
    for (const object of objects) {
      const tookMs = isKnown(object) ? 0 : (sizes[object]! / options.bytesPerSecond) * 1000;
      busyUntilMs = Math.max(busyUntilMs, nowMs) + tookMs;
      waiting.push({ object, atMs: busyUntilMs });
    }
  }

  async function round(nowMs: number): Promise<void> {
    for (const { repository, tag: name } of await popularity.tags(topTags)) {
      const tag = tagOf(repository, name);
      if (records.confirm(tag, nowMs)) await fetch(tag, nowMs);
    }
  }

  return {
    fetch,
    async runUntil(nowMs) {
      for (; roundAtMs <= nowMs; roundAtMs += everyMs) {
        arrive(roundAtMs);
        setClock(roundAtMs);
        await round(roundAtMs);
      }
      arrive(nowMs);
      setClock(nowMs);
    },
  };
}

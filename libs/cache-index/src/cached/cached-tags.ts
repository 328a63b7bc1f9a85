// Tag records, remembered.
import { tagName } from '../index-changes.ts';
import type { TagIndex, TagRecord } from '../tags.ts';
import type { CachedParts } from './cached-parts.ts';

export function createCachedTags(inner: TagIndex, { entries, outage }: CachedParts<TagRecord>): TagIndex {
  /** Remembers a record that the index cannot be told of. */
  function keep(record: TagRecord): void {
    const { pulls = 0, lastPulledAtMs = 0 } = entries.peek(tagName(record)) ?? {};
    entries.set(tagName(record), {
      ...record,
      pulls: Math.max(pulls, record.pulls),
      lastPulledAtMs: Math.max(lastPulledAtMs, record.lastPulledAtMs),
    });
  }

  return {
    async get(key, options) {
      const name = tagName(key);
      const read = options?.fresh === true ? entries.load : entries.get;
      return outage.read(
        () => read(name, () => inner.get(key)),
        () => entries.peek(name),
      );
    },
    async put(record) {
      await outage.write(
        async () => {
          await inner.put(record);
          entries.drop(tagName(record));
        },
        () => keep(record),
      );
    },
    async adopt(record) {
      return outage.write(
        () => inner.adopt(record),
        () => {
          if (entries.peek(tagName(record)) !== undefined) return false;
          keep(record);
          return true;
        },
      );
    },
    async remove(key) {
      const name = tagName(key);
      return outage.write(
        async () => {
          const removed = await inner.remove(key);
          entries.drop(name);
          return removed;
        },
        () => entries.take(name) !== undefined,
      );
    },
    async recordPull(key, atMs) {
      await outage.write(
        () => inner.recordPull(key, atMs),
        () => {},
      );
      entries.change(tagName(key), (record) => ({
        ...record,
        pulls: record.pulls + 1,
        lastPulledAtMs: Math.max(record.lastPulledAtMs, atMs),
      }));
    },
    list: (...given) => inner.list(...given),
  };
}

// Tag records, remembered.
import { tagName } from '../index-changes.ts';
import type { TagIndex, TagRecord } from '../tags.ts';
import { type CachedParts, readCached, removeCached, writeCached } from './cached-parts.ts';

export function createCachedTags(inner: TagIndex, parts: CachedParts<TagRecord>): TagIndex {
  const { entries, outage } = parts;

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
    get: (key, options) => readCached(parts, tagName(key), () => inner.get(key), options),
    fromMemory: (key) => entries.fromMemory(tagName(key)),
    put: (record) =>
      writeCached(
        parts,
        [tagName(record)],
        () => inner.put(record),
        () => keep(record),
      ),
    replace: (before, record) =>
      writeCached(
        parts,
        [tagName(record)],
        () => inner.replace(before, record),
        () => {
          keep(record);
          return true;
        },
      ),
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
    remove: (key) => removeCached(parts, tagName(key), () => inner.remove(key)),
    async recordPull(key, atMs, pulls = 1) {
      await outage.write(
        () => inner.recordPull(key, atMs, pulls),
        () => {},
      );
      entries.change(tagName(key), (record) => ({
        ...record,
        pulls: record.pulls + pulls,
        lastPulledAtMs: Math.max(record.lastPulledAtMs, atMs),
      }));
    },
    list: (...given) => inner.list(...given),
  };
}

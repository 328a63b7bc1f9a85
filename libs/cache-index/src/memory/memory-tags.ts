// Tag records in a map of maps: repository, then tag.
import type { Tag } from '@cistern/oci';
import { compareBytes } from '../compare-bytes.ts';
import { isSameConfirmation } from '../is-same-confirmation.ts';
import { repositoryPath } from '../repository-path.ts';
import type { TagIndex, TagKey, TagRecord } from '../tags.ts';

export function createMemoryTags(checkAvailable: () => void): TagIndex {
  const repositories = new Map<string, Map<Tag, TagRecord>>();

  function find(key: TagKey): TagRecord | undefined {
    return repositories.get(repositoryPath(key))?.get(key.tag);
  }

  function put(record: TagRecord): void {
    const path = repositoryPath(record);
    const tags = repositories.get(path) ?? new Map<Tag, TagRecord>();
    const previous = tags.get(record.tag);
    repositories.set(path, tags);
    tags.set(record.tag, {
      ...record,
      pulls: Math.max(record.pulls, previous?.pulls ?? 0),
      lastPulledAtMs: Math.max(record.lastPulledAtMs, previous?.lastPulledAtMs ?? 0),
    });
  }

  return {
    async get(key) {
      checkAvailable();
      return find(key);
    },
    recall: find,
    async put(record) {
      checkAvailable();
      put(record);
    },
    async replace(before, record) {
      checkAvailable();
      if (!isSameConfirmation(find(record), before)) return false;
      put(record);
      return true;
    },
    async adopt(record) {
      checkAvailable();
      if (find(record) !== undefined) return false;
      put(record);
      return true;
    },
    async remove(key) {
      checkAvailable();
      const path = repositoryPath(key);
      const tags = repositories.get(path);
      const removed = tags?.delete(key.tag) ?? false;
      if (tags?.size === 0) repositories.delete(path);
      return removed;
    },
    async recordPull(key, atMs, pulls = 1) {
      checkAvailable();
      const tags = repositories.get(repositoryPath(key));
      const record = tags?.get(key.tag);
      if (record === undefined) return;
      const lastPulledAtMs = Math.max(record.lastPulledAtMs, atMs);
      tags?.set(key.tag, { ...record, pulls: record.pulls + pulls, lastPulledAtMs });
    },
    async list(upstream, repository, { after, limit }) {
      checkAvailable();
      const records = [...(repositories.get(repositoryPath({ upstream, repository }))?.values() ?? [])];
      return records
        .filter((record) => after === undefined || compareBytes(record.tag, after) > 0)
        .sort((one, two) => compareBytes(one.tag, two.tag))
        .slice(0, limit);
    },
  };
}

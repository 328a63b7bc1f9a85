// Tag records. Pulls wait in memory for the next flush and are laid over what is read.
import type { RepositoryName, Tag } from '@cistern/oci';
import { tagName } from '../index-changes.ts';
import { repositoryPath } from '../repository-path.ts';
import type { TagIndex, TagKey, TagRecord } from '../tags.ts';
import { packDigest, unpackDigest } from './packed-digest.ts';
import { packMediaType, unpackMediaType } from './packed-media-type.ts';
import type { RedisParts } from './redis-parts.ts';
import { isReadable, schema, schemaField, type StoredHash } from './stored-schema.ts';

/** Pulls that the record does not count yet. */
interface Pulls {
  readonly key: TagKey;
  readonly count: number;
  readonly lastAtMs: number;
}

export function createRedisTags({ calls, keys, writeBehind, publishChanges, reportNewer }: RedisParts): TagIndex {
  const tagKey = (key: TagKey) => keys.tag(key, key.tag);
  /** Of records that may not exist: only then is one of no effect. */
  const pending = writeBehind.table<Pulls>({
    merge: (one, other) => ({
      key: one.key,
      count: one.count + other.count,
      lastAtMs: Math.max(one.lastAtMs, other.lastAtMs),
    }),
    groupOf: ({ key }) => repositoryPath(key),
    write: async (entries) =>
      calls.run(
        'add-pulls',
        entries.map(({ key }) => tagKey(key)),
        entries.flatMap(({ count, lastAtMs }) => [count, lastAtMs]),
      ),
    mayRepeat: false,
  });

  async function get(key: TagKey): Promise<TagRecord | undefined> {
    const pulls = pending.get(tagKey(key));
    const hash = await calls.command((client) => client.hgetall(tagKey(key)));
    return toRecord(key, hash, pulls);
  }

  /** False if the record is not as `expected`: its sequence and `checkedAtMs`, as the script takes them. */
  async function put(record: TagRecord, expected: readonly (string | number)[]): Promise<boolean> {
    const pulls = pending.take(tagKey(record));
    const { tag, pulls: count, lastPulledAtMs } = record;
    const counted = [count, lastPulledAtMs, pulls?.count ?? 0, pulls?.lastAtMs ?? ''];
    const args = [tag, ...counted, ...expected, ...fieldsOf(record)];
    const written = await calls.run('put-tag', [tagKey(record), keys.tags(record)], args);
    if (written === -1) {
      if (pulls !== undefined) pending.add(tagKey(record), pulls);
      return false;
    }
    if (written === 0) reportNewer('tag', tagKey(record));
    await publishChanges(tagName(record));
    return true;
  }

  async function list(upstream: string, repository: RepositoryName, after: string | undefined, limit: number) {
    const key = { upstream, repository };
    const records: TagRecord[] = [];
    for (let last = after; records.length < limit;) {
      const from = last === undefined ? '-' : `(${last}`;
      const missing = limit - records.length;
      const tags = await calls.command((client) => client.zrangebylex(keys.tags(key), from, '+', 'LIMIT', 0, missing));
      const found = await Promise.all(tags.map((tag) => get({ ...key, tag: tag as Tag })));
      records.push(...found.filter((record) => record !== undefined));
      if (tags.length < missing) break;
      last = tags.at(-1);
    }
    return records;
  }

  return {
    get,
    fromMemory: () => undefined,
    put: async (record) => void (await put(record, ['*', ''])),
    replace: async (before, record) => put(record, [before?.sequence ?? '', before?.checkedAtMs ?? '']),
    async adopt(record) {
      const { tag, pulls, lastPulledAtMs } = record;
      const args = [tag, 'n', pulls, 'p', lastPulledAtMs, ...fieldsOf(record)];
      // Pulls from before there was a record are of no effect.
      const before = pending.take(tagKey(record));
      let adopted: unknown;
      try {
        adopted = await calls.run('adopt-tag', [tagKey(record), keys.tags(record)], args);
      } finally {
        if (before !== undefined && adopted !== 1) pending.add(tagKey(record), before);
      }
      return adopted === 1;
    },
    async remove(key) {
      pending.take(tagKey(key));
      const removed = await calls.run('remove-tag', [tagKey(key), keys.tags(key)], [key.tag]);
      if (removed === 1) await publishChanges(tagName(key));
      return removed === 1;
    },
    async recordPull({ upstream, repository, tag }, atMs, pulls = 1) {
      calls.checkAnswering();
      const key = { upstream, repository, tag };
      pending.add(tagKey(key), { key, count: pulls, lastAtMs: atMs });
    },
    list: async (upstream, repository, { after, limit }) => list(upstream, repository, after, limit),
  };
}

/** Without `pulls` and `lastPulledAtMs`, which only grow. What is as a rule is left out: a record then takes half as much. */
function fieldsOf(record: TagRecord): (string | number)[] {
  const { firstSeenAtMs, changedAtMs, checkedAtMs, lastTriedAtMs, origin, lastFailure } = record;
  const fields = {
    [schemaField]: schema,
    d: packDigest(record.digest),
    m: packMediaType(record.mediaType),
    s: record.size,
    q: record.sequence,
    f: firstSeenAtMs,
    k: checkedAtMs,
    ...(changedAtMs !== firstSeenAtMs && { c: changedAtMs }),
    ...(lastTriedAtMs !== checkedAtMs && { r: lastTriedAtMs }),
    ...(origin !== 'upstream' && { o: origin }),
    ...(lastFailure !== undefined && { x: lastFailure }),
  };
  return Object.entries(fields).flat();
}

function toRecord(key: TagKey, hash: StoredHash, pulls: Pulls | undefined): TagRecord | undefined {
  if (!isReadable(hash)) return undefined;
  return {
    schema: 1,
    upstream: key.upstream,
    repository: key.repository,
    tag: key.tag,
    digest: unpackDigest(hash['d'] ?? ''),
    mediaType: unpackMediaType(hash['m'] ?? ''),
    size: Number(hash['s']),
    sequence: Number(hash['q']),
    firstSeenAtMs: Number(hash['f']),
    changedAtMs: Number(hash['c'] ?? hash['f']),
    checkedAtMs: Number(hash['k']),
    lastPulledAtMs: Math.max(Number(hash['p']), pulls?.lastAtMs ?? 0),
    pulls: Number(hash['n']) + (pulls?.count ?? 0),
    lastTriedAtMs: Number(hash['r'] ?? hash['k']),
    lastFailure: hash['x'],
    origin: (hash['o'] as TagRecord['origin'] | undefined) ?? 'upstream',
  };
}

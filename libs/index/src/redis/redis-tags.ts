// Tag records. Pending pulls stay in memory until the next flush, and reads include them.
import type { RepositoryName, Tag } from '@cistern/oci';
import { repositoryPath, tagName, tagPath, sumOfPulls, withPulls } from '../records.ts';
import type { TagIndex, TagKey, TagPulls, TagRecord } from '../tags.ts';
import {
  packDigest,
  unpackDigest,
  packMediaType,
  unpackMediaType,
  isReadable,
  schema,
  schemaField,
  type StoredHash,
} from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

interface Pulls extends TagPulls {
  readonly key: TagKey;
}

export function createRedisTags(parts: RedisParts): TagIndex {
  const { calls, keys, writeBehind, change, publishChanges, reportNewer } = parts;
  /** Pending pulls by `tagPath`. A pull of a tag without a record has no effect. */
  const pending = writeBehind.table<Pulls>({
    merge: (one, other) => ({ key: one.key, ...sumOfPulls(one, other) }),
    groupOf: ({ key }) => repositoryPath(key),
    write: async (entries) =>
      calls.run(
        'add-pulls',
        entries.map(({ key }) => keys.tag(key)),
        entries.flatMap(({ count, lastAtMs }) => [count, lastAtMs]),
      ),
    mayRepeat: false,
  });

  async function get(key: TagKey): Promise<TagRecord | undefined> {
    const pulls = pending.get(tagPath(key));
    const record = toRecord(key, await calls.command((client) => client.hgetall(keys.tag(key))));
    return record === undefined || pulls === undefined ? record : withPulls(record, pulls);
  }

  /**
   * Writes the record and its pending pulls. `expected` has the sequence and `checkedAtMs` of the record to replace, in
   * the form of the script `put-tag`. Returns false if the record in Redis has others.
   */
  async function put(record: TagRecord, expected: readonly (string | number)[]): Promise<boolean> {
    const pulls = pending.take(tagPath(record));
    const { tag, pulls: count, lastPulledAtMs } = record;
    const counted = [count, lastPulledAtMs, pulls?.count ?? 0, pulls?.lastAtMs ?? ''];
    const args = [tag, ...counted, ...expected, ...fieldsOf(record)];
    const written = await calls.run('put-tag', [keys.tag(record), keys.tags(record)], args);
    if (written === -1) {
      if (pulls !== undefined) pending.add(tagPath(record), pulls);
      return false;
    }
    if (written === 0) reportNewer('tag', keys.tag(record));
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
      // The arguments contain no pending pulls, because pulls from before the record existed have no effect.
      const adopt = () => calls.run('adopt-tag', [keys.tag(record), keys.tags(record)], args);
      return (await pending.takeFor(tagPath(record), adopt)) === 1;
    },
    async remove(key, seen) {
      const expected = seen === undefined ? ['*', ''] : [seen.sequence, seen.checkedAtMs];
      const remove = () => change(tagName(key), 'remove-tag', [keys.tag(key), keys.tags(key)], [key.tag, ...expected]);
      if (seen === undefined) pending.take(tagPath(key));
      return (await pending.takeFor(tagPath(key), async () => Number(await remove()))) === 1;
    },
    async recordPull({ upstream, repository, tag }, atMs, pulls = 1) {
      calls.checkAnswering();
      const key = { upstream, repository, tag };
      pending.add(tagPath(key), { key, count: pulls, lastAtMs: atMs });
    },
    list: async (upstream, repository, { after, limit }) => list(upstream, repository, after, limit),
  };
}

/**
 * Returns the fields of a record, except `pulls` and `lastPulledAtMs`, which the scripts handle separately because they
 * only grow. Fields with default values are omitted, which halves the size of a record.
 */
function fieldsOf(record: TagRecord): (string | number)[] {
  const { firstSeenAtMs, changedAtMs, checkedAtMs, lastTriedAtMs, origin, lastFailure, warning } = record;
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
    ...(warning !== undefined && { w: warning }),
  };
  return Object.entries(fields).flat();
}

function toRecord(key: TagKey, hash: StoredHash): TagRecord | undefined {
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
    lastPulledAtMs: Number(hash['p']),
    pulls: Number(hash['n']),
    lastTriedAtMs: Number(hash['r'] ?? hash['k']),
    lastFailure: hash['x'],
    warning: hash['w'],
    origin: (hash['o'] as TagRecord['origin'] | undefined) ?? 'upstream',
  };
}

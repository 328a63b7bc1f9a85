// Blob records and manifest records. Pending touches stay in memory until the next flush, and reads include them.
import type { Digest } from '@cistern/oci';
import type { BlobIndex, BlobRecord, ManifestIndex } from '../blobs.ts';
import { packCrcTable, unpackCrcTable } from '../crc-tables.ts';
import { touchedBlob, blobName, manifestName } from '../records.ts';
import {
  isReadable,
  packDigest,
  packMediaType,
  schema,
  schemaField,
  type StoredHash,
  unpackMediaType,
} from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';
import { listShards } from './list-shards.ts';
import { walkLeastRecent } from './walk-least-recent.ts';

interface Touch {
  readonly digest: Digest;
  readonly atMs: number;
}

export type RedisBlobs = ReturnType<typeof createRedisBlobs>;

export function createRedisBlobs(parts: RedisParts) {
  const { calls, keys, writeBehind, change, publishChanges, reportNewer } = parts;
  const touches = openTouches(parts);

  /** Returns the keys for a script that puts a blob record. */
  function keysOf(digest: Digest): string[] {
    const { leastRecent, total } = keys.shardOf(digest);
    return [keys.blob(digest), leastRecent, total];
  }

  /**
   * Calls `write` with the arguments for a script that puts a blob record. They include a pending touch. `write` must
   * resolve to 1 if it has put the record.
   */
  async function put(record: BlobRecord, write: (args: (string | number)[]) => Promise<unknown>): Promise<unknown> {
    const { digest } = record;
    const written = await touches.takeFor(digest, (touch) => write([touch?.atMs ?? '', ...argumentsOf(record)]));
    await publishChanges(blobName(digest));
    return written;
  }

  const blobs: BlobIndex = {
    fromMemory: () => undefined,
    async get(digest) {
      const touch = touches.get(digest);
      const record = toBlob(digest, await calls.command((client) => client.hgetall(keys.blob(digest))));
      return record === undefined || touch === undefined ? record : touchedBlob(record, touch.atMs);
    },
    async put(record) {
      const written = await put(record, (args) => calls.run('put-blob', keysOf(record.digest), args));
      if (written === 0) reportNewer('blob', keys.blob(record.digest));
    },
    async adopt(record) {
      const { digest } = record;
      // The arguments contain no touch, because touches from before the record existed have no effect.
      const adopt = () => calls.run('adopt-blob', keysOf(digest), argumentsOf(record));
      return (await touches.takeFor(digest, adopt)) === 1;
    },
    async markVerified(digest, table) {
      await calls.run('verify-blob', [keys.blob(digest)], [table === undefined ? '' : packCrcTable(table)]);
      await publishChanges(blobName(digest));
    },
    async touch(digest, atMs) {
      calls.checkAnswering();
      touches.add(digest, { digest, atMs });
    },
    async *leastRecent() {
      // Writes pending touches first, because the sorted sets of the shards do not include them.
      await writeBehind.flush();
      yield* walkLeastRecent(parts, blobs.get);
    },
    shards: (first) => listShards(parts, first, blobs.get),
    async remove(digest, storedAtMs) {
      if (storedAtMs === undefined) touches.take(digest);
      return change(blobName(digest), 'remove-blob', keysOf(digest), [packDigest(digest), storedAtMs ?? '']);
    },
    async totals() {
      const sums = await Promise.all(
        keys.shards.map(({ total }) => calls.command((client) => client.hmget(total, 'blobs', 'bytes'))),
      );
      const sumOf = (field: 0 | 1) => sums.reduce((sum, ofShard) => sum + Number(ofShard[field] ?? 0), 0);
      return { blobs: sumOf(0), bytes: sumOf(1) };
    },
  };
  /** Returns the time of a pending touch. */
  const touchedAtMs = (digest: Digest): number | undefined => touches.get(digest)?.atMs;
  return { blobs, keysOf, put, touchedAtMs };
}

/** Creates the table of pending touches. A touch of a record that does not exist has no effect. */
function openTouches({ calls, keys, writeBehind }: RedisParts) {
  return writeBehind.table<Touch>({
    merge: (one, other) => (one.atMs >= other.atMs ? one : other),
    groupOf: ({ digest }) => keys.shardOf(digest).leastRecent,
    write: async (entries) =>
      calls.run(
        'touch-blobs',
        entries.flatMap(({ digest }) => [keys.shardOf(digest).leastRecent, keys.blob(digest)]),
        entries.flatMap(({ digest, atMs }) => [packDigest(digest), atMs]),
      ),
    mayRepeat: true,
  });
}

/** Returns the arguments for the function `put_blob` in `shared.lua`, after the touch. */
function argumentsOf(record: BlobRecord): (string | number)[] {
  const { digest, size, state, verified, storedAtMs, lastPulledAtMs, table } = record;
  const packed = table === undefined ? '' : packCrcTable(table);
  return [packDigest(digest), size, state, Number(verified), storedAtMs, lastPulledAtMs, packed];
}

function toBlob(digest: Digest, hash: StoredHash): BlobRecord | undefined {
  if (!isReadable(hash)) return undefined;
  const size = Number(hash['s']);
  const table = unpackCrcTable(hash['x'], size);
  return {
    schema: 1,
    digest,
    size,
    // Older releases wrote a third state for some blobs that are present.
    state: hash['t'] === 'deleting' ? 'deleting' : 'present',
    verified: hash['c'] === '1',
    storedAtMs: Number(hash['a']),
    lastPulledAtMs: Number(hash['p']),
    ...(table !== undefined && { table }),
  };
}

export function createRedisManifests({ calls, keys, change, reportNewer }: RedisParts): ManifestIndex {
  return {
    async get(digest) {
      const hash = await calls.command((client) => client.hgetall(keys.manifest(digest)));
      if (!isReadable(hash)) return undefined;
      const mediaType = unpackMediaType(hash['m'] ?? '');
      return { schema: 1, digest, mediaType, size: Number(hash['s']), storedAtMs: Number(hash['a']) };
    },
    async put({ digest, mediaType, size, storedAtMs }) {
      const key = keys.manifest(digest);
      const fields = [schemaField, schema, 'm', packMediaType(mediaType), 's', size, 'a', storedAtMs];
      if ((await calls.run('put-record', [key], fields)) === 0) reportNewer('manifest', key);
    },
    remove: (digest) => change(manifestName(digest), 'remove-record', [keys.manifest(digest)], []),
  };
}

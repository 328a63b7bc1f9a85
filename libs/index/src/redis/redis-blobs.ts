// Blob records, and the records of manifests. Touches wait in memory for the next flush and are laid over what is read.
import type { Digest } from '@cistern/oci';
import { type BlobIndex, type BlobRecord, type ManifestIndex, touchedBlob } from '../blobs.ts';
import { blobName, manifestName } from '../names.ts';
import {
  isReadable,
  packDigest,
  packMediaType,
  schema,
  schemaField,
  type StoredHash,
  unpackDigest,
  unpackMediaType,
} from './record-format.ts';
import { queryShards } from './redis-calls.ts';
import type { RedisParts } from './redis-parts.ts';
import { walkLeastRecent } from './walk-least-recent.ts';

interface Touch {
  readonly digest: Digest;
  readonly atMs: number;
}

export interface RedisBlobs {
  readonly blobs: BlobIndex;
  /** Whether a touch waits to be written. */
  isTouched(digest: Digest): boolean;
  /** The keys that a script needs which puts a blob record. */
  keysOf(digest: Digest): string[];
  /** Runs `write` with the arguments of such a script, which touches that wait are part of; it returns 1 if it has put it. */
  put(record: BlobRecord, write: (args: (string | number)[]) => Promise<unknown>): Promise<unknown>;
}

const recordsAtOnce = 64;

export function createRedisBlobs(parts: RedisParts): RedisBlobs {
  const { calls, keys, writeBehind, publishChanges, reportNewer } = parts;
  const touches = openTouches(parts);

  function keysOf(digest: Digest): string[] {
    const { leastRecent, total } = keys.shardOf(digest);
    return [keys.blob(digest), leastRecent, total];
  }

  /** Has `write` do what a touch that waits is to do, which it has done if it returns 1. */
  async function withTouch(digest: Digest, write: (touchedAtMs: number | '') => Promise<unknown>): Promise<unknown> {
    const touch = touches.take(digest);
    let written: unknown;
    try {
      written = await write(touch?.atMs ?? '');
    } finally {
      if (touch !== undefined && written !== 1) touches.add(digest, touch);
    }
    return written;
  }

  async function put(record: BlobRecord, write: (args: (string | number)[]) => Promise<unknown>): Promise<unknown> {
    const { digest } = record;
    const written = await withTouch(digest, (touchedAtMs) => write([touchedAtMs, ...argumentsOf(record)]));
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
      // Touches from before there was a record are of no effect.
      return (await withTouch(digest, () => calls.run('adopt-blob', keysOf(digest), argumentsOf(record)))) === 1;
    },
    async markVerified(digest) {
      await calls.run('verify-blob', [keys.blob(digest)], []);
      await publishChanges(blobName(digest));
    },
    async touch(digest, atMs) {
      calls.checkAnswering();
      touches.add(digest, { digest, atMs });
    },
    async markEvicting(digest, lastPulledAtMs) {
      if ((touches.get(digest)?.atMs ?? 0) > lastPulledAtMs) return false;
      const scriptKeys = [keys.blob(digest), keys.shardOf(digest).leastRecent];
      const marked = await withTouch(digest, (touchedAtMs) =>
        calls.run('evict-blob', scriptKeys, [packDigest(digest), lastPulledAtMs, touchedAtMs]),
      );
      return marked === 1;
    },
    async *leastRecent() {
      // The shards' orders do not know of touches that wait.
      await writeBehind.flush();
      yield* walkLeastRecent(parts, blobs.get);
    },
    async ofShard(shard) {
      const { leastRecent } = keys.shardNamed(shard);
      const digests = (await calls.command((client) => client.zrange(leastRecent, '0', '-1'))).map(unpackDigest);
      const records: (BlobRecord | undefined)[] = [];
      for (let at = 0; at < digests.length; at += recordsAtOnce) {
        const some = digests.slice(at, at + recordsAtOnce);
        records.push(...(await Promise.all(some.map((digest) => blobs.get(digest)))));
      }
      return records.filter((record) => record !== undefined);
    },
    async remove(digest, storedAtMs) {
      if (storedAtMs === undefined) touches.take(digest);
      const removed = await calls.run('remove-blob', keysOf(digest), [packDigest(digest), storedAtMs ?? '']);
      if (removed === 1) await publishChanges(blobName(digest));
      return removed === 1;
    },
    async totals() {
      const sums = await queryShards(calls, keys.shards, async (shards) => {
        const names = shards.map(({ total }) => total);
        return (await calls.run('sum-shards', names, [])) as [blobs: string, bytes: string];
      });
      const sumOf = (field: 0 | 1) => sums.reduce((sum, ofShards) => sum + Number(ofShards[field]), 0);
      return { blobs: sumOf(0), bytes: sumOf(1) };
    },
  };
  return { blobs, keysOf, put, isTouched: (digest) => touches.get(digest) !== undefined };
}

/** Touches that wait, of records that may not exist: only then is one of no effect. */
function openTouches({ calls, keys, writeBehind }: RedisParts) {
  return writeBehind.table<Touch>({
    merge: (one, other) => (one.atMs >= other.atMs ? one : other),
    groupOf: ({ digest }) => (calls.isCluster ? keys.shardOf(digest).leastRecent : ''),
    write: async (entries) =>
      calls.run(
        'touch-blobs',
        entries.flatMap(({ digest }) => [keys.shardOf(digest).leastRecent, keys.blob(digest)]),
        entries.flatMap(({ digest, atMs }) => [packDigest(digest), atMs]),
      ),
    mayRepeat: true,
  });
}

/** As the script's `put_blob` takes them. */
function argumentsOf({ digest, size, state, verified, storedAtMs, lastPulledAtMs }: BlobRecord): (string | number)[] {
  return [packDigest(digest), size, state, Number(verified), storedAtMs, lastPulledAtMs];
}

function toBlob(digest: Digest, hash: StoredHash): BlobRecord | undefined {
  if (!isReadable(hash)) return undefined;
  return {
    schema: 1,
    digest,
    size: Number(hash['s']),
    state: hash['t'] as BlobRecord['state'],
    verified: hash['c'] === '1',
    storedAtMs: Number(hash['a']),
    lastPulledAtMs: Number(hash['p']),
  };
}

export function createRedisManifests({ calls, keys, publishChanges, reportNewer }: RedisParts): ManifestIndex {
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
    async remove(digest) {
      const removed = await calls.run('remove-record', [keys.manifest(digest)], []);
      if (removed === 1) await publishChanges(manifestName(digest));
      return removed === 1;
    },
  };
}

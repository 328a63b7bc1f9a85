// Iterates over the records of all shards. Redis keeps blobs by the time of their last pull, so finding the digests of a
// shard takes a scan of all digests. One scan therefore finds the digests of as many shards as fit into memory.
import { type BlobIndex, type BlobRecord, type BlobShard, shardAt, shardCount } from '../blobs.ts';
import { inBatches } from '@cistern/runtime';
import type { Digest } from '@cistern/oci';
import { firstByteOf, packedPattern, pairs, unpackDigest } from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

type Parts = Pick<RedisParts, 'calls' | 'keys'>;

/** Limit on the digests that one scan keeps, if they are more than those of one shard. A digest takes about 64 bytes. */
const digestsAtOnce = 500_000;
const membersAtOnce = 1000;
const recordsAtOnce = 64;

/** `limit` is the number of digests that one scan keeps. */
export async function* listShards(
  parts: Parts,
  first: number,
  get: BlobIndex['get'],
  limit = digestsAtOnce,
): AsyncGenerator<BlobShard> {
  for (let position = first; position < shardCount;) {
    const group = await scanGroup(parts, position, limit);
    // Removes each shard from the group, so that its memory is freed before the caller is done with the others.
    for (let packed = group.shift(); packed !== undefined; packed = group.shift()) {
      const records: BlobRecord[] = [];
      // A scan may return a digest twice.
      for await (const some of inBatches(new Set(packed), recordsAtOnce)) {
        const found = await Promise.all(some.map((one) => get(unpackDigest(one))));
        records.push(...found.filter((record) => record !== undefined));
      }
      yield { shard: shardAt(position), records };
      position += 1;
    }
  }
}

/**
 * Returns the packed digests of the shards from position `first` on, one array for each shard. Scans in small steps, so
 * that no step blocks Redis for long.
 */
async function scanGroup({ calls, keys }: Parts, first: number, limit: number): Promise<string[][]> {
  const { leastRecent } = keys.shardOf(`sha256:${shardAt(first)}` as Digest);
  const perKey = shardCount / keys.shards.length;
  const digests = await calls.command((client) => client.zcard(leastRecent));
  const fitting = Math.floor((limit * perKey) / Math.max(1, digests));
  const size = Math.max(1, Math.min(fitting, perKey - (first % perKey)));
  const group: string[][] = Array.from({ length: size }, () => []);
  const pattern = packedPattern(first, first + size - 1);
  let cursor = '0';
  do {
    const [next, flat] = await calls.command((client) =>
      client.zscan(leastRecent, cursor, 'MATCH', pattern, 'COUNT', membersAtOnce),
    );
    for (const [packed] of pairs(flat)) group[firstByteOf(packed) - first]?.push(packed);
    cursor = next;
  } while (cursor !== '0');
  return group;
}

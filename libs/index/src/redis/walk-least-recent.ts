// Iterates over the blobs of all shards, least recently pulled first. It reads a short page of each shard at a time, so
// that no call blocks Redis for long, regardless of the number of blobs.
import type { Digest } from '@cistern/oci';
import { inBatches } from '@cistern/runtime';
import type { BlobIndex, BlobRecord } from '../blobs.ts';
import { unpackDigest } from './record-format.ts';
import type { RedisParts } from './redis-parts.ts';

interface Entry {
  readonly digest: Digest;
  readonly lastPulledAtMs: number;
}

const pageSize = 64;
const recordsAtOnce = 256;

export async function* walkLeastRecent(
  parts: Pick<RedisParts, 'calls' | 'keys'>,
  get: BlobIndex['get'],
): AsyncGenerator<BlobRecord> {
  for await (const entries of inBatches(mergeShards(parts), recordsAtOnce)) {
    const records = await Promise.all(entries.map(({ digest }) => get(digest)));
    for (const [position, { lastPulledAtMs }] of entries.entries()) {
      const record = records[position];
      if (record?.lastPulledAtMs === lastPulledAtMs) yield record;
    }
  }
}

async function* mergeShards({ calls, keys }: Pick<RedisParts, 'calls' | 'keys'>): AsyncGenerator<Entry> {
  const shards = keys.shards.map(({ leastRecent }) => readShard({ calls }, leastRecent));
  const heads = await Promise.all(shards.map(async (shard) => ({ shard, entry: await nextOf(shard) })));
  for (;;) {
    let first: (typeof heads)[number] | undefined;
    for (const head of heads) {
      if (head.entry === undefined) continue;
      if (first?.entry === undefined || head.entry.lastPulledAtMs < first.entry.lastPulledAtMs) first = head;
    }
    if (first?.entry === undefined) return;
    yield first.entry;
    first.entry = await nextOf(first.shard);
  }
}

async function nextOf(shard: AsyncGenerator<Entry>): Promise<Entry | undefined> {
  const { value, done } = await shard.next();
  return done === true ? undefined : value;
}

/**
 * Yields the entries of one shard. Each page continues at the time of the last entry, and skips the entries that were
 * already yielded for this time. A plain offset would be wrong, because entries change meanwhile.
 */
async function* readShard({ calls }: Pick<RedisParts, 'calls'>, leastRecent: string): AsyncGenerator<Entry> {
  for (let fromMs = '-inf', seen = 0; ;) {
    const page = await calls.command((client) =>
      client.zrangebyscore(leastRecent, fromMs, '+inf', 'WITHSCORES', 'LIMIT', seen, pageSize),
    );
    for (let at = 0; at < page.length; at += 2) {
      const [digest, score] = [unpackDigest(page[at] ?? ''), page[at + 1] ?? ''];
      seen = score === fromMs ? seen + 1 : 1;
      fromMs = score;
      yield { digest, lastPulledAtMs: Number(score) };
    }
    if (page.length < 2 * pageSize) return;
  }
}

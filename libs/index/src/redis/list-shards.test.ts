// Checks how the shards are divided among scans, with a sorted set in memory. The conformance cases use a real Redis.
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Digest, digestHex } from '@cistern/oci';
import { sampleBlobRecord, sampleDigest } from '../conformance/sample-records.ts';
import { createKeys } from './keys.ts';
import { listShards } from './list-shards.ts';
import { packDigest } from './record-format.ts';
import type { RedisCalls } from './redis-calls.ts';

const digests = Array.from({ length: 1000 }, (_, at) => sampleDigest(`${at}`, at % 2 === 0 ? 'sha256' : 'sha512'));

/** Keeps the digests in one sorted set, or one for each first digit. Counts the members that scans visit. */
function startSets(isCluster: boolean) {
  const keys = createKeys('test:', { isCluster });
  const sets = Map.groupBy(digests, (digest) => keys.shardOf(digest).leastRecent);
  let visited = 0;
  const client = {
    zcard: async (key: string) => sets.get(key)?.length ?? 0,
    async zscan(key: string, cursor: string, _match: string, pattern: string) {
      const matching = new RegExp(`^${pattern.replace('*', '.*')}$`);
      const from = Number(cursor);
      const page = (sets.get(key) ?? []).slice(from, from + 100);
      visited += page.length;
      const found = page.map(packDigest).filter((packed) => matching.test(packed));
      // A scan of Redis may return a member twice.
      return [page.length < 100 ? '0' : String(from + 100), [...found, ...found].flatMap((packed) => [packed, '1'])];
    },
  };
  const calls = { command: (send: (client: unknown) => unknown) => send(client) } as unknown as RedisCalls;
  return { parts: { calls, keys }, visited: () => visited };
}

async function readRecord(digest: Digest) {
  return sampleBlobRecord('a', { digest });
}

for (const { name, isCluster, limit, first, mostVisits } of [
  { name: 'one scan finds all', isCluster: false, limit: 1000, first: 0, mostVisits: 1000 },
  { name: 'one scan finds the rest', isCluster: false, limit: 1000, first: 77, mostVisits: 1000 },
  { name: 'four scans find a quarter each', isCluster: false, limit: 250, first: 0, mostVisits: 4000 },
  { name: 'a scan finds at least one', isCluster: false, limit: 1, first: 250, mostVisits: 6000 },
  { name: 'each set is scanned one time', isCluster: true, limit: 1000, first: 0, mostVisits: 1000 },
  { name: 'a set is scanned from the middle', isCluster: true, limit: 30, first: 200, mostVisits: 3000 },
])
  test(`shards have their digests one time: ${name}`, async () => {
    const { parts, visited } = startSets(isCluster);
    const listed = await Array.fromAsync(listShards(parts, first, readRecord, limit));
    assert.deepEqual(
      listed.map(({ shard }) => Number.parseInt(shard, 16)),
      Array.from({ length: 256 - first }, (_, offset) => first + offset),
    );
    for (const { shard, records } of listed)
      assert.deepEqual(
        records.map(({ digest }) => digest).toSorted(),
        digests.filter((digest) => digestHex(digest).startsWith(shard)).toSorted(),
      );
    assert.ok(visited() > 0 && visited() <= mostVisits, `${visited()} members were visited`);
  });

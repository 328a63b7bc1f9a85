// Measures an index of ten million blobs: its rebuild from a listing of the store, its size, look-ups, and an eviction.
// A rebuild adds the records of blobs; the links of repositories are added as a rebuild adds those of a links object.
import { compareLookUps } from '../index-growth/compare-look-ups.ts';
import { addLinks, growIndex } from '../index-growth/grow-index.ts';
import { evictLeastRecent, listShards, rebuildFromListing } from '../index-growth/maintain-index.ts';
import { type IndexKind, inRedis, inSqlite } from '../index-growth/open-index.ts';
import type { Figure, Workload } from './workload.ts';

const few = 10_000;
const many = 100_000;
/** SQLite writes records one after another, and a single process rarely has so many. */
const manyInFull = { redis: 10_000_000, sqlite: 1_000_000 } as const;
const victims = 10_000;
const indexKinds: readonly IndexKind[] = [inRedis, inSqlite];

export const indexLarge: Workload = {
  name: 'index-10m',
  title: `Index: ${manyInFull.redis} blobs in Redis and ${manyInFull.sqlite} in SQLite, compared with ${few}; without --full ${many}`,
  headline: 'bytes/blob',
  mode: 'full',
  contenders: indexKinds,
  mostRounds: 1,
  async run({ kind: { name }, site, isFull }) {
    const kind = indexKinds.find((one) => one.name === name)!;
    const entries = isFull ? (name === inRedis.name ? manyInFull.redis : manyInFull.sqlite) : many;
    await using ends = new AsyncDisposableStack();
    const start = async () => ends.adopt(await kind.start(site), async (contender) => void (await contender.close()));
    const [small, large] = [await start(), await start()];
    const fewIndex = await kind.open(small);
    await growIndex(fewIndex, 'blobs', few);
    await fewIndex.close();
    const before = await kind.usedBytes(large);
    const index = await kind.open(large);
    const rebuilt = await rebuildFromListing(index, entries);
    await addLinks(index, entries);
    await index.close();
    const bytes = ((await kind.usedBytes(large)) - before) / entries;
    // A reopened index has nothing cached.
    const open = async (contender: typeof small) => ends.adopt(await kind.open(contender), (opened) => opened.close());
    const sized = [
      { index: await open(small), entries: few },
      { index: await open(large), entries },
    ] as const;
    const { microseconds, ratio } = await compareLookUps('blobs', ...sized);
    const listing = await listShards(sized[1].index);
    const commands = await kind.commands?.(large);
    const evicted = await evictLeastRecent(sized[1].index, victims);
    const figures: Figure[] = [
      { name: 'bytes/blob', value: bytes, better: 'lower' },
      { name: 'µs to find blobs', value: microseconds, better: 'lower' },
      { name: `blobs: × of ${few}`, value: ratio, better: 'lower' },
      { name: 'rebuilt blobs/s', value: rebuilt, better: 'higher' },
      { name: 'listed blobs/s', value: listing, better: 'higher' },
      { name: 'evicted blobs/s', value: evicted, better: 'higher' },
    ];
    if (commands === undefined) return figures;
    const perVictim = ((await kind.commands!(large)) - commands) / victims;
    return [...figures, { name: 'commands/evicted blob', value: perVictim, better: 'lower' }];
  },
};

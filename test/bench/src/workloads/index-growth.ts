// Measures the size of an index entry, and the slow-down of look-ups as the index grows. A blob is its record, its
// place in the order of eviction and a link of one repository. A tag is its record, its place in the list of its
// repository's tags and the record of its manifest. The manifest's bytes are a blob like any other.
import { compareLookUps } from '../index-growth/compare-look-ups.ts';
import { growIndex } from '../index-growth/grow-index.ts';
import { type IndexKind, inRedis, inSqlite } from '../index-growth/open-index.ts';
import type { Figure, Workload } from './workload.ts';

const few = 1000;
const [many, manyInFull] = [20_000, 1_000_000];
const kinds = ['blobs', 'tags'] as const;
const indexKinds: readonly IndexKind[] = [inRedis, inSqlite];

export const indexGrowth: Workload = {
  name: 'index-growth',
  title: `Index: ${many} tags and blobs, compared with ${few}; with --full ${manyInFull}`,
  headline: 'bytes/blob',
  mode: 'quick',
  contenders: indexKinds,
  mostRounds: 1,
  async run({ kind: { name }, site, isFull }) {
    const kind = indexKinds.find((one) => one.name === name)!;
    await using ends = new AsyncDisposableStack();
    const start = async () => ends.adopt(await kind.start(site), async (contender) => void (await contender.close()));
    const [small, large] = [await start(), await start()];
    const most = isFull ? manyInFull : many;
    const bytes: Figure[] = [];
    for (const [contender, entries] of [
      [small, few],
      [large, most],
    ] as const)
      for (const entryKind of kinds) {
        const before = await kind.usedBytes(contender);
        const index = await kind.open(contender);
        await growIndex(index, entryKind, entries);
        await index.close();
        const value = ((await kind.usedBytes(contender)) - before) / entries;
        if (entries === most) bytes.push({ name: `bytes/${entryKind.slice(0, -1)}`, value, better: 'lower' });
      }
    // A reopened index has nothing cached.
    const open = async (contender: typeof small) => ends.adopt(await kind.open(contender), (index) => index.close());
    const sized = [
      { index: await open(small), entries: few },
      { index: await open(large), entries: most },
    ] as const;
    const times: Figure[] = [];
    for (const entryKind of kinds) {
      const { microseconds, ratio } = await compareLookUps(entryKind, ...sized);
      times.push({ name: `µs to find ${entryKind}`, value: microseconds, better: 'lower' });
      times.push({ name: `${entryKind}: × of ${few}`, value: ratio, better: 'lower' });
    }
    return [...bytes, ...times];
  },
};

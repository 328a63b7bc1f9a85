// Measures large cold blobs from hosts that limit each connection, as CDNs do, or all connections together. More
// connections should speed up a blob from the first kind, and cost nothing with the others.
import { cistern, direct } from '../contenders/contenders.ts';
import { pullAll } from '../load/pull-all.ts';
import type { LinkLimits } from '../upstream/link.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/bench';

export const striping: readonly Workload[] = [
  stripingOf('each', '10 MB/s for each connection', { bytesPerSecond: 10e6 }, [1024]),
  stripingOf('sum', '40 MB/s for all connections', { sumBytesPerSecond: 40e6 }, [1024]),
  stripingOf(
    'three',
    '10 MB/s for each connection and 45 for all',
    { bytesPerSecond: 10e6, sumBytesPerSecond: 45e6 },
    [512, 512, 512],
  ),
];

/** Runs one client for each of `sizes`, in MiB. */
function stripingOf(name: string, limit: string, limits: LinkLimits, sizes: readonly number[]): Workload {
  const what = sizes.length === 1 ? 'A cold blob' : `${sizes.length} cold blobs at a time`;
  return {
    name: `striping-${name}`,
    title: `${what} of ${sizes[0]} MiB, ${limit}`,
    headline: 'MB/s',
    mode: 'full',
    mostRounds: 1,
    contenders: [cistern, direct],
    async run({ contender, site: { upstream }, round }) {
      const { url } = await contender();
      const blobs = await Promise.all(
        sizes.map((size, number) =>
          upstream.addBlob(repository, { size: size * mebibyte, seed: `striping ${name} ${number} ${round}` }),
        ),
      );
      const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
      const countAll = () => Promise.all(blobs.map(({ digest }) => upstream.counts(digest)));
      const before = await countAll();
      await upstream.limit(limits);
      try {
        const pulls = blobs.map((blob) => ({ url: `${url}/v2/${repository}/blobs/${blob.digest}`, ...blob }));
        const { tookMs, firstByteMs } = await pullAll({ pulls });
        const after = await countAll();
        const grown = (of: 'gets' | 'bytes') => after.reduce((sum, one, at) => sum + one[of] - before[at]![of], 0);
        return [
          { name: 'MB/s', value: bytes / tookMs / 1000, better: 'higher' },
          { name: 'first byte ms', value: firstByteMs.at(-1) ?? Number.NaN, better: 'lower' },
          { name: 'upstream GETs', value: grown('gets'), better: 'lower' },
          { name: 'upstream bytes/blob', value: grown('bytes') / bytes, better: 'lower' },
        ];
      } finally {
        await upstream.limit({});
      }
    },
  };
}

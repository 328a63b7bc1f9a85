// Measures many simultaneous clients of a cold blob. The link limits each download, which leaves CPU time for the
// clients themselves.
import { cistern, cisternCluster, direct, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { forgetPeaks, residentBytes } from '../load/process-figures.ts';
import { percentile, pullAll } from '../load/pull-all.ts';
import type { Upstream } from '../upstream/start-upstream.ts';
import type { Figure, Run, Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/bench';
/** The limit of all clients together. */
const mostBytesPerSecond = 500e6;
const gigabit = 125e6;

interface Herd {
  readonly name: string;
  readonly clients: number;
  readonly size: number;
}

export const coldHerds: readonly Workload[] = [
  {
    ...herdOf({ name: 'cold-herd', clients: 20, size: 64 * mebibyte }),
    mode: 'quick',
    contenders: [cistern, dockerRegistry, nginx, direct],
  },
  herdOf({ name: 'cold-1', clients: 1, size: 256 * mebibyte }),
  herdOf({ name: 'cold-20', clients: 20, size: 256 * mebibyte }),
  herdOf({ name: 'cold-200', clients: 200, size: 256 * mebibyte }),
];

function herdOf({ name, clients, size }: Herd): Workload {
  const bytesPerSecond = Math.min(gigabit, mostBytesPerSecond / clients);
  const who = clients === 1 ? 'one client' : `${clients} clients at once`;
  return {
    name,
    title: `A cold blob of ${size / mebibyte} MiB for ${who}, ${bytesPerSecond / 1e6} MB/s each`,
    headline: 'upstream GETs',
    mode: 'full',
    mostRounds: 3,
    contenders: [cistern, cisternCluster, direct],
    async run(run) {
      const { upstream } = run.site;
      await upstream.limit({ bytesPerSecond });
      try {
        return await pullCold(run, { name, clients, size }, bytesPerSecond);
      } finally {
        await upstream.limit({});
      }
    },
  };
}

async function pullCold(
  { contender, site, round, isWarm }: Run,
  herd: Herd,
  bytesPerSecond: number,
): Promise<Figure[]> {
  const { name, clients, size } = herd;
  const { url, pids } = await contender();
  const { digest } = await site.upstream.addBlob(repository, { size, seed: `${name} ${round}` });
  const pull = { url: `${url}/v2/${repository}/blobs/${digest}`, digest, size };
  if (!isWarm) await wake(url, site.upstream, name);
  const before = await site.upstream.counts(digest);
  forgetPeaks(pids);
  const idle = residentBytes(pids, 'VmRSS');
  const { firstByteMs, tookMs } = await pullAll({ pulls: Array.from({ length: clients }, () => pull) });
  const peak = residentBytes(pids, 'VmHWM');
  const after = await site.upstream.counts(digest);
  return [
    { name: 'upstream GETs', value: after.gets - before.gets, better: 'lower' },
    { name: 'upstream bytes/blob', value: (after.bytes - before.bytes) / size, better: 'lower' },
    { name: 'first byte p50 ms', value: percentile(firstByteMs, 0.5), better: 'lower' },
    { name: 'first byte p99 ms', value: percentile(firstByteMs, 0.99), better: 'lower' },
    { name: 'wall/one download', value: tookMs / 1000 / (size / bytesPerSecond), better: 'lower' },
    { name: 'peak MB', value: pids.length > 0 ? peak / 1e6 : Number.NaN, better: 'lower' },
    { name: 'grown MB', value: pids.length > 0 ? (peak - idle) / 1e6 : Number.NaN, better: 'lower' },
  ];
}

/** The first fill of a process costs extra, which is not part of the herd's cost. */
async function wake(url: string, upstream: Upstream, seed: string): Promise<void> {
  const blob = await upstream.addBlob(repository, { size: mebibyte, seed });
  await pullAll({ pulls: [{ url: `${url}/v2/${repository}/blobs/${blob.digest}`, ...blob }] });
}

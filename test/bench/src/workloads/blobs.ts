// Blobs that are stored: how many bytes a second, and what a gigabyte costs.
import { cistern, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { cpuSeconds } from '../load/process-figures.ts';
import { wrk } from '../load/wrk.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const connections = 8;
const repository = 'library/bench';

export const blobs: readonly Workload[] = [
  blobOf('blob-1m', mebibyte, 'quick'),
  blobOf('blob-64m', 64 * mebibyte, 'quick'),
  blobOf('blob-1g', 1024 * mebibyte, 'full'),
];

function blobOf(name: string, size: number, mode: Workload['mode']): Workload {
  return {
    name,
    title: `One blob of ${size / mebibyte} MiB, ${connections} connections`,
    headline: 'MB/s',
    mode,
    contenders: [cistern, dockerRegistry, nginx],
    ...(mode === 'full' && { mostRounds: 3 }),
    async run({ contender: get, site, seconds }) {
      const contender = await get();
      const { digest } = await site.upstream.addBlob(repository, { size, seed: 'large' });
      const url = `${contender.url}/v2/${repository}/blobs/${digest}`;
      await warmUp(url);
      const before = cpuSeconds(contender.pids);
      const { bytes, seconds: took } = await wrk({ url, connections, seconds: seconds * 2 });
      return [
        { name: 'MB/s', value: bytes / took / 1e6, better: 'higher' },
        { name: 'CPU s/GB', value: (cpuSeconds(contender.pids) - before) / (bytes / 1e9), better: 'lower' },
      ];
    },
  };
}

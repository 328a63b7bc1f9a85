// Measures blobs that are stored in S3: the cost of reading them through the cache or by a redirect.
import { cisternCluster, cisternOnS3, dockerRegistryOnS3, redirectingCluster } from '../contenders/contenders.ts';
import { watchCpu } from '../load/process-figures.ts';
import { pullAll } from '../load/pull-all.ts';
import { transferBlobs } from './transfer-blobs.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const connections = 8;
const repository = 'library/bench';

const common = { mode: 'full', mostRounds: 3, headline: 'MB/s' } as const;

export const s3Blobs: readonly Workload[] = [
  {
    ...common,
    name: 's3-distinct',
    title: `${connections} blobs of 64 MiB from S3, one connection each`,
    contenders: [cisternOnS3, dockerRegistryOnS3, cisternCluster],
    run: (run) =>
      transferBlobs(run, { blobs: connections, size: 64 * mebibyte, seed: 's3', connections, isBalanced: true }),
  },
  {
    ...common,
    name: 's3-one-blob',
    title: `One blob of 64 MiB from S3, ${connections} connections`,
    contenders: [cisternOnS3, dockerRegistryOnS3, cisternCluster],
    run: (run) => transferBlobs(run, { blobs: 1, size: 64 * mebibyte, seed: 's3', connections, isBalanced: true }),
  },
  {
    ...common,
    name: 's3-redirect',
    title: `${connections} blobs of 64 MiB, redirected to S3 (by a client that follows redirects)`,
    contenders: [redirectingCluster, cisternOnS3, dockerRegistryOnS3],
    async run({ contender, site, isWarm, seconds }) {
      const { url, pids } = await contender();
      const size = 64 * mebibyte;
      const pulls = [];
      for (let number = 0; number < connections; number += 1) {
        const { digest } = await site.upstream.addBlob(repository, { size, seed: `s3 ${number}` });
        pulls.push({ url: `${url}/v2/${repository}/blobs/${digest}`, digest, size });
      }
      await warmUp({ pulls, isWarm });
      const cpu = watchCpu(pids);
      const { bytes, tookMs } = await pullAll({ pulls, isChecked: false, seconds: seconds * 2 });
      return [
        { name: 'MB/s', value: bytes / tookMs / 1000, better: 'higher' },
        { name: 'CPU s/GB', value: cpu.soFar() / (bytes / 1e9), better: 'lower' },
      ];
    },
  },
];

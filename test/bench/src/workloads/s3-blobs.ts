// Blobs that are stored in S3: what the way from there costs.
import { cisternCluster, dockerRegistryOnS3 } from '../contenders/contenders.ts';
import { cpuSeconds } from '../load/process-figures.ts';
import { wrk } from '../load/wrk.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const connections = 8;
const repository = 'library/bench';

export const s3Blobs: readonly Workload[] = [
  {
    name: 's3-one-blob',
    title: `One blob of 64 MiB from S3, ${connections} connections`,
    headline: 'MB/s',
    mode: 'full',
    contenders: [cisternCluster, dockerRegistryOnS3],
    mostRounds: 3,
    async run({ contender: get, site, seconds }) {
      const { url: base, pids, balancerPids = [] } = await get();
      const { digest } = await site.upstream.addBlob(repository, { size: 64 * mebibyte, seed: 's3' });
      const url = `${base}/v2/${repository}/blobs/${digest}`;
      await warmUp(url);
      const before = [cpuSeconds(pids), cpuSeconds(balancerPids)] as const;
      const { bytes, seconds: took } = await wrk({ url, connections, seconds: seconds * 2 });
      const [own, balancer] = [cpuSeconds(pids) - before[0], cpuSeconds(balancerPids) - before[1]];
      return [
        { name: 'MB/s', value: bytes / took / 1e6, better: 'higher' },
        { name: 'CPU s/GB', value: own / (bytes / 1e9), better: 'lower' },
        { name: 'CPU s/GB with haproxy', value: (own + balancer) / (bytes / 1e9), better: 'lower' },
      ];
    },
  },
];

// Measures the slow-down of responses as more clients connect.
import { cistern, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { residentBytes } from '../load/process-figures.ts';
import { wrk } from '../load/wrk.ts';
import { taggedManifest } from './requests.ts';
import { warmUp } from './warm-up.ts';
import type { Figure, Workload } from './workload.ts';

const repository = 'library/bench';
const counts = [10, 100, 1000, 2000];

export const clients: Workload = {
  name: 'clients',
  title: `Manifests by tag for ${counts[0]} to ${counts.at(-1)} connections`,
  headline: `requests/s, ${counts.at(-1)}`,
  mode: 'full',
  contenders: [cistern, dockerRegistry, nginx],
  mostRounds: 3,
  async run({ contender: get, site, isWarm, seconds }) {
    const { url: base, pids } = await get();
    const { path, digest, size } = await taggedManifest(site.upstream);
    const url = `${base}/v2/${repository}/${path}`;
    await warmUp({ pulls: [{ url, digest, size }], clients: 64, isWarm });
    const figures: Figure[] = [];
    for (const connections of counts) {
      const { requests, seconds: took, p99Ms } = await wrk({ url, connections, seconds });
      figures.push({ name: `requests/s, ${connections}`, value: requests / took, better: 'higher' });
      figures.push({ name: `p99 ms, ${connections}`, value: p99Ms, better: 'lower' });
    }
    return [...figures, { name: 'RSS MB after it', value: residentBytes(pids, 'VmRSS') / 1e6, better: 'lower' }];
  },
};

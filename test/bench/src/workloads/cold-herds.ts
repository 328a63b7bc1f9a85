// What hurts most: many clients at once that want a blob which nobody has yet.
import { pullAtOnce } from '@cistern/herds';
import { cistern, direct, dockerRegistry, nginx } from '../contenders/contenders.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/bench';

export const coldHerds: readonly Workload[] = [
  {
    name: 'cold-herd',
    title: 'A cold blob of 64 MiB for 20 clients at once',
    headline: 'upstream GETs',
    mode: 'quick',
    contenders: [cistern, dockerRegistry, nginx, direct],
    async run({ contender: get, site: { upstream }, round }) {
      const plan = { size: 64 * mebibyte, seed: 1000 + round, clients: 20 };
      const { url: base } = await get();
      const { digest } = await upstream.addBlob(repository, plan);
      const before = await upstream.counts(digest);
      const { firstByteMs, lastEndMs } = await pullAtOnce({ ...plan, url: `${base}/v2/${repository}/blobs/${digest}` });
      const after = await upstream.counts(digest);
      return [
        { name: 'upstream GETs', value: after.gets - before.gets, better: 'lower' },
        { name: 'upstream bytes/blob', value: (after.bytes - before.bytes) / plan.size, better: 'lower' },
        { name: 'first byte p99 ms', value: firstByteMs.at(-1) ?? Number.NaN, better: 'lower' },
        { name: 'all ended ms', value: lastEndMs, better: 'lower' },
      ];
    },
  },
];

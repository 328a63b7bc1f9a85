// Measures one client that pulls a cold blob over an unlimited link, which shows the cost of passing bytes on.
import { cistern, direct, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { pullAll } from '../load/pull-all.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/bench';

export const coldClient: Workload = {
  name: 'cold-unthrottled',
  title: 'A cold blob of 256 MiB for one client, without a rate limit',
  headline: 'MB/s',
  mode: 'quick',
  contenders: [cistern, dockerRegistry, nginx, direct],
  async run({ contender, site, round }) {
    const { url } = await contender();
    const size = 256 * mebibyte;
    const { digest } = await site.upstream.addBlob(repository, { size, seed: `unthrottled ${round}` });
    const { tookMs, firstByteMs } = await pullAll({
      pulls: [{ url: `${url}/v2/${repository}/blobs/${digest}`, digest, size }],
      // Only the first round checks digests, so that the client's own work does not distort the figures.
      isChecked: round === 0,
    });
    return [
      { name: 'MB/s', value: size / tookMs / 1000, better: 'higher' },
      { name: 'first byte ms', value: firstByteMs[0] ?? Number.NaN, better: 'lower' },
    ];
  },
};

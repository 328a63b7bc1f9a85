// Measures how long fast clients of a blob wait for a slow client that pulls it at the same time.
import { cistern, dockerRegistry, nginx } from '../contenders/contenders.ts';
import { pullAll } from '../load/pull-all.ts';
import { startSlowClients } from '../load/slow-clients.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const size = 256 * mebibyte;
const repository = 'library/bench';
const clients = 6;
const slow = { clients: 1, bytesPerSecond: 20_000_000, apartBytes: 0, rampMs: 0 };

export const unequalClients: Workload = {
  name: 'unequal-clients',
  title: `One blob of ${size / mebibyte} MiB, ${clients} fast clients, alone and beside one with 20 MB/s`,
  headline: 'time beside/alone',
  mode: 'full',
  contenders: [cistern, dockerRegistry, nginx],
  mostRounds: 3,
  async run(run) {
    const contender = await run.contender();
    const { digest } = await run.site.upstream.addBlob(repository, { size, seed: 'unequal' });
    const pull = { url: `${contender.url}/v2/${repository}/blobs/${digest}`, digest, size };
    await warmUp({ pulls: [pull], clients, isWarm: run.isWarm });
    const pulls = Array.from({ length: clients }, () => pull);
    const alone = await pullAll({ pulls, isChecked: false });
    const other = await startSlowClients({ url: pull.url, ...slow });
    try {
      const beside = await Promise.race([pullAll({ pulls, isChecked: false }), other.whole]);
      return [
        { name: 'time beside/alone', value: beside.tookMs / alone.tookMs, better: 'lower' },
        { name: 'MB/s beside', value: beside.bytes / beside.tookMs / 1000, better: 'higher' },
      ];
    } finally {
      await other.close();
    }
  },
};

// Measures the memory of many slow clients, which a server has to serve for hours.
import { setTimeout as delay } from 'node:timers/promises';
import { cistern, nginx } from '../contenders/contenders.ts';
import { residentBytes } from '../load/process-figures.ts';
import { startSlowClients } from '../load/slow-clients.ts';
import { warmUp } from './warm-up.ts';
import type { Figure, Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const [size, clients] = [64 * mebibyte, 2000];
const repository = 'library/bench';
/** The distance between the clients: all started within some seconds, or at different times. */
const distances = [
  { name: 'KB/client, together', apartBytes: 0 },
  { name: 'KB/client, apart', apartBytes: 48 * mebibyte },
] as const;
const [rampMs, looks, lookEveryMs] = [10_000, 20, 500];

export const slowClients: Workload = {
  name: 'slow-clients',
  title: `${clients} clients that read a blob of 64 MiB at 20 KB/s`,
  headline: 'KB/client, apart',
  mode: 'full',
  // docker-registry needs 5 MB for each client, which may exceed the machine's memory.
  contenders: [cistern, nginx],
  mostRounds: 3,
  async run({ kind, site }) {
    const { digest } = await site.upstream.addBlob(repository, { size, seed: 'slow' });
    const figures: Figure[] = [];
    for (const { name, apartBytes } of distances) {
      // Each distance starts a new process, because memory of the last one would hide growth.
      const contender = await kind.start(site);
      try {
        const url = `${contender.url}/v2/${repository}/blobs/${digest}`;
        await warmUp({ pulls: [{ url, digest, size }], clients: 16, isWarm: false });
        const before = residentBytes(contender.pids, 'VmRSS');
        const slow = await startSlowClients({ url, clients, bytesPerSecond: 20_000, apartBytes, rampMs });
        try {
          let most = before;
          for (let look = 0; look < looks; look += 1) {
            // real-time: memory is sampled at an interval
            await Promise.race([delay(lookEveryMs), slow.whole]);
            most = Math.max(most, residentBytes(contender.pids, 'VmRSS'));
          }
          figures.push({ name, value: (most - before) / clients / 1000, better: 'lower' });
        } finally {
          await slow.close();
        }
      } finally {
        await contender.close();
      }
    }
    return figures;
  },
};

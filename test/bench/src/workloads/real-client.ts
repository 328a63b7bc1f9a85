// Measures a cold image with a real client, which has its own order of requests and its own timeouts.
// real-time: a benchmark measures how long a pull takes
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ensureDebianPackages } from '@cistern/test-servers';
import { cistern, direct, dockerRegistry } from '../contenders/contenders.ts';
import type { Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const link = { latencyMs: 20, bytesPerSecond: 25_000_000 };
const repository = 'library/bench';

export const realClient: Workload = {
  name: 'skopeo-cold',
  title: 'A cold image of 5 layers and 40 MiB by skopeo, upstream with 20 ms latency and 200 Mbit/s',
  headline: 'wall ms',
  mode: 'full',
  contenders: [cistern, dockerRegistry, direct],
  mostRounds: 3,
  async run({ kind, contender, site: { upstream }, round }) {
    await ensureDebianPackages(['skopeo']);
    const { url } = await contender();
    const tag = `cold-${kind.name}-${round}`;
    const layers = [16, 12, 8, 3, 1].map((size) => ({ size: size * mebibyte, seed: `${tag} ${size}` }));
    await upstream.addImage(repository, { tag, mediaTypes: 'docker', layers });
    const directory = await mkdtemp(join(tmpdir(), 'cistern-skopeo-'));
    await upstream.limit(link);
    try {
      const beganAtMs = performance.now();
      const image = `docker://${new URL(url).host}/${repository}:${tag}`;
      await promisify(execFile)('skopeo', ['copy', '-q', '--src-tls-verify=false', image, `dir:${directory}`]);
      return [{ name: 'wall ms', value: performance.now() - beganAtMs, better: 'lower' }];
    } finally {
      await upstream.limit({});
      await rm(directory, { recursive: true });
    }
  },
};

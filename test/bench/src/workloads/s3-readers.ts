// Measures how often one stored blob is read from S3, when many clients request it within a moment through one
// frontend.
import { startCluster } from '@cistern/test-servers';
import type { ContenderKind, Site } from '../contenders/contender.ts';
import { percentile, pullAll } from '../load/pull-all.ts';
import { startLink } from '../upstream/start-link.ts';
import type { Figure, Workload } from './workload.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/bench';
const clients = 100;
const size = 256 * mebibyte;
const spreadMs = 100;

const oneFrontend: ContenderKind = {
  name: 'cistern-frontend',
  title: 'Cistern, 1 frontend on S3',
  start: (site) => startOneFrontend(site),
};

export const s3Readers: Workload = {
  name: 's3-readers',
  title: `A blob of ${size / mebibyte} MiB from S3 for ${clients} clients within ${spreadMs} ms, through one frontend`,
  headline: 'S3 bytes/blob',
  mode: 'full',
  mostRounds: 3,
  contenders: [oneFrontend],
  async run({ site, round }) {
    await using ends = new AsyncDisposableStack();
    const frontend = ends.adopt(await startOneFrontend(site), (started) => started.close());
    const { digest } = await site.upstream.addBlob(repository, { size, seed: 'readers' });
    const pull = { url: `${frontend.url}/v2/${repository}/blobs/${digest}`, digest, size };
    await pullAll({ pulls: [pull] });
    const before = await frontend.s3Counts();
    const pulls = Array.from({ length: clients }, () => pull);
    const { firstByteMs, tookMs, bytes } = await pullAll({ pulls, spreadMs, isChecked: round === 0 });
    const after = await frontend.s3Counts();
    const figures: Figure[] = [
      { name: 'S3 bytes/blob', value: (after.bytes - before.bytes) / size, better: 'lower' },
      { name: 'S3 GETs', value: after.gets - before.gets, better: 'lower' },
      { name: 'MB/s', value: bytes / tookMs / 1000, better: 'higher' },
      { name: 'first byte p99 ms', value: percentile(firstByteMs, 0.99), better: 'lower' },
    ];
    return figures;
  },
};

async function startOneFrontend({ upstream, s3, checkout }: Site) {
  const server = await s3();
  const link = await startLink(server.endpoint);
  try {
    const cluster = await startCluster({
      frontends: 1,
      workers: 1,
      upstreams: { 'docker.io': upstream.url },
      s3: { ...server, endpoint: link.url },
      // The scrub reads stored blobs too, which would be counted as client reads.
      env: { REGISTRY_STORAGE_SCRUB_ENABLED: 'false' },
      product: checkout,
    });
    const close = async () => {
      await cluster.close();
      await link.close();
    };
    const [frontend] = cluster.frontends;
    return { url: frontend!.url, pids: [frontend!.pid], s3Counts: () => link.counts(''), close };
  } catch (error) {
    await link.close();
    throw error;
  }
}

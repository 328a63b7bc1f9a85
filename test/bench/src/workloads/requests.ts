// Measures the most frequent requests of a fleet: manifests and small blobs.
import type { ContenderKind } from '../contenders/contender.ts';
import { cistern, dockerRegistry, nginx, silentCistern, silentNginx } from '../contenders/contenders.ts';
import { headLoad } from '../load/head-load.ts';
import { watchCpu } from '../load/process-figures.ts';
import { type Load, type LoadResult, wrk } from '../load/wrk.ts';
import type { Added, Upstream } from '../upstream/start-upstream.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const connections = 64;
const repository = 'library/bench';

interface Kind {
  readonly name: string;
  readonly title: string;
  /** Adds the content and returns it with its path below `/v2/<repository>/`. */
  wanted(upstream: Upstream): Promise<Added & { readonly path: string }>;
  readonly send?: (load: Load) => Promise<LoadResult>;
  readonly contenders?: readonly ContenderKind[];
  readonly mode?: Workload['mode'];
}

const logging = [cistern, dockerRegistry, nginx];
const silent = [silentCistern, silentNginx];

export const taggedManifest: Kind['wanted'] = async (upstream) => ({
  ...(await addImage(upstream)),
  path: 'manifests/latest',
});

const byDigest: Kind['wanted'] = async (upstream) => {
  const image = await addImage(upstream);
  return { ...image, path: `manifests/${image.digest}` };
};

const smallBlob: Kind['wanted'] = async (upstream) => {
  const blob = await upstream.addBlob(repository, { size: 4096, seed: 'small' });
  return { ...blob, path: `blobs/${blob.digest}` };
};

export const requests: readonly Workload[] = [
  requestsOf({ name: 'manifest-by-tag', title: 'Manifests by tag', wanted: taggedManifest }),
  requestsOf({ name: 'manifest-by-digest', title: 'Manifests by digest', wanted: byDigest }),
  requestsOf({ name: 'manifest-head', title: 'HEAD of manifests by tag', wanted: taggedManifest, send: headLoad }),
  requestsOf({
    name: 'silent-by-tag',
    title: 'Manifests by tag, logs off',
    wanted: taggedManifest,
    contenders: silent,
  }),
  requestsOf({
    name: 'silent-by-digest',
    title: 'Manifests by digest, logs off',
    wanted: byDigest,
    contenders: silent,
    mode: 'full',
  }),
  requestsOf({ name: 'blob-4k', title: 'Blobs of 4 KB', wanted: smallBlob }),
];

function addImage(upstream: Upstream) {
  return upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
}

export function requestsOf({ name, title, wanted, send = wrk, contenders = logging, mode = 'quick' }: Kind): Workload {
  return {
    name,
    title: `${title}, ${connections} connections`,
    headline: 'requests/s',
    mode,
    contenders,
    async run({ contender: get, site, isWarm, seconds }) {
      const contender = await get();
      const { path, digest, size } = await wanted(site.upstream);
      const url = `${contender.url}/v2/${repository}/${path}`;
      await warmUp({ pulls: [{ url, digest, size }], clients: connections, isWarm });
      // A process that has served this workload before has compiled its code.
      if (!isWarm) await send({ url, connections, seconds: 1 });
      const cpu = watchCpu(contender.pids);
      const { requests: answered, seconds: took, p99Ms } = await send({ url, connections, seconds });
      return [
        { name: 'requests/s', value: answered / took, better: 'higher' },
        { name: 'CPU µs/request', value: (cpu.soFar() / answered) * 1e6, better: 'lower' },
        { name: 'p99 ms', value: p99Ms, better: 'lower' },
      ];
    },
  };
}

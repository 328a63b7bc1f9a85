// What a fleet does most: manifests, and blobs that are small.
import type { ContenderKind } from '../contenders/contender.ts';
import { cistern, dockerRegistry, nginx, silentCistern, silentNginx } from '../contenders/contenders.ts';
import { headLoad } from '../load/head-load.ts';
import { cpuSeconds } from '../load/process-figures.ts';
import { acceptedTypes, type Load, type LoadResult, wrk } from '../load/wrk.ts';
import type { Upstream } from '../upstream/start-upstream.ts';
import { warmUp } from './warm-up.ts';
import type { Workload } from './workload.ts';

const connections = 64;
const repository = 'library/bench';

interface Kind {
  readonly name: string;
  readonly title: string;
  /** Below `/v2/<repository>/`. */
  path(upstream: Upstream): Promise<string>;
  readonly send?: (load: Load) => Promise<LoadResult>;
  readonly contenders?: readonly ContenderKind[];
}

const logging = [cistern, dockerRegistry, nginx];
const silent = [silentCistern, silentNginx];
const byTag = async (upstream: Upstream) => {
  await addImage(upstream);
  return 'manifests/latest';
};
const byDigest = async (upstream: Upstream) => `manifests/${(await addImage(upstream)).digest}`;

export const requests: readonly Workload[] = [
  requestsOf({ name: 'manifest-by-tag', title: 'Manifests by tag', path: byTag }),
  requestsOf({ name: 'manifest-by-digest', title: 'Manifests by digest', path: byDigest }),
  requestsOf({ name: 'manifest-head', title: 'HEAD of manifests by tag', path: byTag, send: headLoad }),
  requestsOf({ name: 'silent-by-tag', title: 'Manifests by tag, logs off', path: byTag, contenders: silent }),
  requestsOf({ name: 'silent-by-digest', title: 'Manifests by digest, logs off', path: byDigest, contenders: silent }),
  requestsOf({
    name: 'blob-4k',
    title: 'Blobs of 4 KB',
    path: async (upstream) => `blobs/${(await upstream.addBlob(repository, { size: 4096, seed: 'small' })).digest}`,
  }),
];

function addImage(upstream: Upstream) {
  return upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
}

function requestsOf({ name, title, path, send = wrk, contenders = logging }: Kind): Workload {
  return {
    name,
    title: `${title}, ${connections} connections`,
    headline: 'requests/s',
    mode: 'quick',
    contenders,
    async run({ contender: get, site, round, seconds }) {
      const contender = await get();
      const url = `${contender.url}/v2/${repository}/${await path(site.upstream)}`;
      await warmUp(url, { accept: acceptedTypes });
      // A process that has served this before has compiled what it needs.
      if (round === 0) await send({ url, connections, seconds: 1 });
      const before = cpuSeconds(contender.pids);
      const { requests: answered, seconds: took, p99Ms } = await send({ url, connections, seconds });
      return [
        { name: 'requests/s', value: answered / took, better: 'higher' },
        { name: 'CPU µs/request', value: ((cpuSeconds(contender.pids) - before) / answered) * 1e6, better: 'lower' },
        { name: 'p99 ms', value: p99Ms, better: 'lower' },
      ];
    },
  };
}

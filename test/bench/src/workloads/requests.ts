// Measures the most frequent requests of a fleet, manifests and small blobs: as many as a cache answers, and at one
// rate for all caches.
import type { Contender, ContenderKind } from '../contenders/contender.ts';
import { cistern, dockerRegistry, fastify, nginx, silentCistern, silentNginx } from '../contenders/contenders.ts';
import { watchAllocations } from '../load/allocations.ts';
import { watchCpu } from '../load/process-figures.ts';
import type { SocketLoad } from '../load/run-socket-load.ts';
import { socketLoad } from '../load/socket-load.ts';
import { type LoadResult, wrk } from '../load/wrk.ts';
import type { Added, Upstream } from '../upstream/start-upstream.ts';
import { keepRate } from './keep-rate.ts';
import { rateFor } from './rate-for.ts';
import { settle } from './settle.ts';
import { warmUp } from './warm-up.ts';
import type { Figure, Run, Workload } from './workload.ts';

const connections = 64;
const repository = 'library/bench';

interface Kind {
  readonly name: string;
  readonly title: string;
  /** Adds the content and returns it with its path below `/v2/<repository>/`. */
  wanted(upstream: Upstream): Promise<Added & { readonly path: string }>;
  readonly method?: SocketLoad['method'];
  readonly contenders?: readonly ContenderKind[];
  readonly mode?: Workload['mode'];
}

const logging = [cistern, dockerRegistry, nginx, fastify];
const silent = [silentCistern, silentNginx, fastify];
/** docker-registry cannot keep up with the rate of the others. */
const rated = [cistern, nginx, fastify];

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
  requestsOf({ name: 'manifest-head', title: 'HEAD of manifests by tag', wanted: taggedManifest, method: 'HEAD' }),
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
  rateOf({ name: 'rate-by-tag', title: 'Manifests by tag', wanted: taggedManifest }),
  rateOf({ name: 'rate-by-digest', title: 'Manifests by digest', wanted: byDigest }),
  rateOf({ name: 'rate-head', title: 'HEAD of manifests by tag', wanted: taggedManifest, method: 'HEAD' }),
  rateOf({ name: 'rate-blob-4k', title: 'Blobs of 4 KB', wanted: smallBlob }),
];

function addImage(upstream: Upstream) {
  return upstream.addImage(repository, { tag: 'latest', mediaTypes: 'docker' });
}

/** Each connection sends its next request when it has its response (a closed loop). */
export function requestsOf(kind: Kind): Workload {
  const { name, title, contenders = logging, mode = 'quick' } = kind;
  // wrk would wait for the body that the headers of a HEAD announce.
  const send = kind.method === 'HEAD' ? socketLoad : wrk;
  return {
    name,
    title: `${title}, ${connections} connections`,
    headline: 'requests/s',
    alsoShown: ['CPU µs/request'],
    mode,
    contenders,
    async run(run) {
      const { contender, load } = await prepare(run, kind);
      if (!run.isWarm) await compile(contender, () => send({ ...load, seconds: 1 }));
      const { result, costs } = await measureCosts(contender, () => send(load));
      return [
        { name: 'requests/s', value: result.requests / result.seconds, better: 'higher' },
        ...costs,
        { name: 'p99 ms', value: result.p99Ms, better: 'lower' },
      ];
    },
  };
}

/**
 * Requests are due at a fixed rate, whether the last ones are answered or not (an open loop). So each contender wakes
 * the load as often as the others do.
 */
function rateOf(kind: Kind): Workload {
  const { name, title } = kind;
  let rate: number | undefined;
  return {
    name,
    title: `${title}, at one rate for all, ${connections} connections`,
    headline: 'CPU µs/request',
    alsoShown: ['KB allocated/request'],
    mode: 'quick',
    contenders: rated,
    async run(run) {
      const { contender, load } = await prepare(run, kind);
      if (!run.isWarm) {
        const cost = await compile(contender, () => socketLoad({ ...load, seconds: 1 }));
        // The first contender, which is Cistern, sets the rate of all.
        rate ??= rateFor(cost);
      }
      const { result, costs } = await keepRate(() => measureCosts(contender, () => socketLoad({ ...load, rate })));
      return [
        ...costs,
        { name: 'p99 ms', value: result.p99Ms, better: 'lower' },
        { name: 'requests/s', value: result.requests / result.seconds, better: 'higher' },
      ];
    },
  };
}

interface Prepared {
  readonly contender: Contender;
  readonly load: SocketLoad;
}

async function prepare(
  { contender: get, site, isWarm, seconds }: Run,
  { wanted, method = 'GET' }: Kind,
): Promise<Prepared> {
  const contender = await get();
  const { path, digest, size } = await wanted(site.upstream);
  const url = `${contender.url}/v2/${repository}/${path}`;
  await warmUp({ pulls: [{ url, digest, size }], clients: connections, isWarm });
  return { contender, load: { url, method, size, connections, seconds } };
}

/** Resolves to the CPU seconds of a request when the contender's code is compiled. */
function compile({ pids, allocatedBytes }: Contender, send: () => Promise<LoadResult>): Promise<number> {
  const measureCost = async () => {
    const cpu = watchCpu(pids);
    const { requests: answered } = await send();
    return cpu.soFar() / answered;
  };
  return settle(measureCost, allocatedBytes !== undefined);
}

async function measureCosts<T extends LoadResult>(contender: Contender, send: () => Promise<T>) {
  const [cpu, allocations] = [watchCpu(contender.pids), await watchAllocations(contender)];
  const result = await send();
  const [cpuSeconds, bytes] = [cpu.soFar(), await allocations.soFar()];
  const costs: Figure[] = [
    { name: 'CPU µs/request', value: (cpuSeconds / result.requests) * 1e6, better: 'lower' },
    { name: 'KB allocated/request', value: bytes / result.requests / 1000, better: 'lower' },
  ];
  return { result, costs };
}

// Opens the use cases of a pull, which answer clients.
import { createCachedIndex } from '@cistern/index/cached';
import type { NodeConfig } from '@cistern/config';
import { type FillTable, createFillAccess } from '@cistern/fills';
import {
  createPullThrough,
  type PullThrough,
  refuseWithoutWorkers,
  type VerifyAccess,
  type WorkerWatch,
} from '@cistern/pull-through';
import { followPurges } from '@cistern/maintenance';
import type { NodeContext } from '@cistern/runtime/process';
import type { Closers } from '@cistern/runtime';
import type { Shared } from '@cistern/assembly';

export interface ServingOptions extends NodeContext {
  /** The fills of this process. Unset if this process is not a worker. `address` is the address of this worker, or empty. */
  readonly fills: FillTable | undefined;
  readonly address: string;
  /** Watches the workers in other processes. Unset if this process is a worker itself. */
  readonly workers?: WorkerWatch | undefined;
  /** Unset if all callers may read all upstreams. */
  readonly verifyAccess?: VerifyAccess | undefined;
}

export function openPullThrough(
  config: NodeConfig,
  { index: shared, store, jobs, remoteFills, policyOf, offline, adoptAs }: Shared,
  { log, metrics, fills, address, workers, verifyAccess }: ServingOptions,
  { opened }: Closers,
): PullThrough {
  const { now } = shared;
  // The index in Redis is cached in memory, because every request reads it several times, and must be answered even if Redis is
  // unavailable.
  const index = config.redis === undefined ? shared : opened(createCachedIndex({ index: shared, log }));
  const { live } = config;
  const unverified = live.derive(({ upstreams }) =>
    upstreams.filter((one) => one.rememberAccessMs === undefined).map(({ name }) => name),
  );
  const lists = live.derive(({ upstreams }) => new Map(upstreams.map((upstream) => [upstream.name, upstream.lists])));
  return createPullThrough({
    index,
    store,
    log,
    metrics,
    now,
    queue: workers === undefined ? jobs.queue : refuseWithoutWorkers(jobs.queue, workers),
    fillAccess: createFillAccess({ fills, address, remote: remoteFills }),
    policyOf,
    onPurge: opened(followPurges(shared)).onPurge,
    listPolicyOf: (upstream) => lists().get(upstream) ?? { ttlMs: 0, staleIfErrorMs: Infinity },
    isOffline: offline.isOffline,
    adoptAs,
    presignForMs: config.storageRedirect?.expiresMs,
    sharedUpstreams: unverified,
    isListed: (upstream) => unverified().includes(upstream),
    verifyAccess,
  });
}

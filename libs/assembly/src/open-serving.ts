// The part that answers clients.
import type { Config } from '@cistern/config';
import { type FillTable, type PullThrough, createFillAccess, createPullThrough } from '@cistern/pull-through';
import type { AssembleOptions } from './assemble-options.ts';
import type { Shared } from './open-shared.ts';

export interface ServingOptions extends AssembleOptions {
  /** Of this process, if it is a worker too; with its address. */
  readonly fills: FillTable | undefined;
  readonly address: string;
}

export function openServing(
  config: Config,
  { index, store, jobs, remoteFills }: Shared,
  { log, metrics, fills, address }: ServingOptions,
): PullThrough {
  const ttls = new Map(config.upstreams.map(({ name, ttlMs }) => [name, ttlMs]));
  return createPullThrough({
    index,
    store,
    log,
    metrics,
    now: Date.now,
    queue: jobs.queue,
    fillAccess: createFillAccess({ fills, address, remote: remoteFills }),
    policyOf: (upstream) => ({ ttlMs: ttls.get(upstream) ?? 0 }),
    adoptAs: config.upstreams.find(({ isDefault }) => isDefault)?.name,
    sharedUpstreams: config.upstreams.map(({ name }) => name),
  });
}

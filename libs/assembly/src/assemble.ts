// The composition root: chooses every adapter by the configuration and puts the cache together. Who opens closes, in the
// opposite order.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '@cistern/config';
import {
  type PullThrough,
  createFillTable,
  createJobHandlers,
  createPullThrough,
  openSpoolDirectory,
} from '@cistern/pull-through';
import type { Logger, Metrics } from '@cistern/telemetry';
import { type UpstreamTable, createUpstreamTable } from '@cistern/upstream';
import { countStoreErrors } from './count-store-errors.ts';
import { openIndex } from './open-index.ts';
import { openQueue } from './open-queue.ts';
import { openStore } from './open-store.ts';
import { openUpstreams } from './open-upstreams.ts';

export interface AssembleOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Where the proxy variables are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of Cistern, for the `User-Agent`. */
  readonly version: string;
}

export interface Assembly {
  readonly pullThrough: PullThrough;
  readonly upstreams: UpstreamTable;
  /** Tells this process's own requests when they come back to it. */
  readonly instanceId: string;
  /** Reject when the store or the index cannot do its work now. */
  checkStore(): Promise<void>;
  checkIndex(): Promise<void>;
  /** Lets fills end for up to `graceMs`, then closes everything. */
  close(graceMs: number): Promise<void>;
}

/** Rejects, with everything closed again, when a part cannot be opened. */
export async function assemble(config: Config, options: AssembleOptions): Promise<Assembly> {
  const { log, metrics } = options;
  const closers: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  const opened = <T extends { close(): Promise<void> }>(part: T): T => {
    closers.push(() => part.close());
    return part;
  };
  try {
    const now = Date.now;
    const instanceId = randomUUID();
    // The index first: it holds the lock that keeps a second process out of the same directory.
    const index = opened(await openIndex(config, { now, log }));
    const store = opened(countStoreErrors(await openStore(config, log), metrics));
    const spoolDirectory = store.spoolDirectory ?? config.worker.spool.directory ?? (await openTemporary(closers));
    const spools = await openSpoolDirectory(spoolDirectory, config.worker.spool.maxBytes, (bytes) =>
      metrics.spoolBytes.set(bytes),
    );
    const upstreams = openUpstreams(config.upstreams, { ...options, instanceId });
    closers.push(async () => {
      await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
    });
    const fills = createFillTable();
    const { maxWholeForRangeBytes } = config.worker;
    const jobs = opened(await openQueue(config, { log }));
    const parts = { index, store, fills, log, metrics, now };
    const workers = await jobs.work(
      createJobHandlers({ ...parts, upstreams, spools, address: '', maxWholeForRangeBytes }),
    );
    const ttls = new Map(config.upstreams.map(({ name, ttlMs }) => [name, ttlMs]));
    return {
      instanceId,
      upstreams: createUpstreamTable(config.upstreams),
      pullThrough: createPullThrough({
        ...parts,
        queue: jobs.queue,
        policyOf: (upstream) => ({ ttlMs: ttls.get(upstream) ?? 0 }),
        adoptAs: config.upstreams.find(({ isDefault }) => isDefault)?.name,
        sharedUpstreams: config.upstreams.map(({ name }) => name),
      }),
      checkStore: () => store.check(),
      checkIndex: () => index.check(),
      async close(graceMs) {
        await workers.close(graceMs);
        await closeAll();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** For a store in memory, which is gone with the process too. */
async function openTemporary(closers: (() => Promise<void>)[]): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cistern-spool-'));
  closers.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

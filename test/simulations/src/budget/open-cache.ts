// Opens the cache as one process runs it, with parts in memory and the clock of a simulation.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { createInlineJobs } from '@cistern/jobs/inline';
import { createFillAccess, createFillTable, openSpoolDirectory } from '@cistern/fills';
import { createPullThrough } from '@cistern/pull-through';
import { createJobHandlers } from '@cistern/worker';
import { asCaller, type TestPullThrough } from '@cistern/pull-through/testing';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createBudgetLedger, openUpstream } from '@cistern/upstream';

export interface CacheOptions {
  readonly hubUrl: string;
  readonly ttlMs: number;
  readonly now: () => number;
}

export interface OpenedCache {
  readonly cache: TestPullThrough;
  close(): Promise<void>;
}

export async function openCache({ hubUrl, ttlMs, now }: CacheOptions): Promise<OpenedCache> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-simulation-'));
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const metrics = createMetrics({ upstreams: ['docker.io'] });
  const index = createTestIndex({ now });
  const store = createMemoryStore();
  const upstream = openUpstream({
    name: 'docker.io',
    url: hubUrl,
    ledger: createBudgetLedger({ values: index.values, metrics, log, clock: now }),
    instanceId: 'simulation',
    version: '0',
    clock: now,
    metrics,
    log,
  });
  const fills = createFillTable();
  const slots = { interactive: 32, background: 8 };
  const jobs = createInlineJobs({ slots: { blob: slots, short: slots }, maxWaiting: 10_000, log });
  const policyOf = () => ({
    ttlMs,
    staleWhileRevalidateMs: 0,
    staleIfErrorMs: Infinity,
    onNotFound: 'keep' as const,
  });
  const parts = { index, store, fills, policyOf, adoptAs: () => undefined, log, metrics, now };
  const workers = jobs.work(
    createJobHandlers({
      ...parts,
      queue: jobs.queue,
      upstreams: new Map([[upstream.name, upstream]]),
      spools: await openSpoolDirectory(directory, { maxBytes: Infinity }),
      address: '',
      maxWholeForRangeBytes: 0,
    }),
  );
  const cache = createPullThrough({
    ...parts,
    queue: jobs.queue,
    fillAccess: createFillAccess({ fills, address: '', remote: undefined }),
    listPolicyOf: () => ({ ttlMs: 0, staleIfErrorMs: Infinity }),
    isOffline: () => false,
    sharedUpstreams: () => [upstream.name],
    isListed: () => true,
  });
  return {
    cache: asCaller(cache),
    async close() {
      await workers.close(0);
      await upstream.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

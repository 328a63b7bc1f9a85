// A cache over one index, in front of upstreams with all behaviors. Its clock stands still, so tests set the age of
// each record.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore } from '@cistern/blob-store/memory';
import type { CacheIndex } from '@cistern/index';
import { createInlineJobs } from '@cistern/jobs/inline';
import { createFillAccess, createFillTable, openSpoolDirectory } from '@cistern/fills';
import { createFreshnessPolicies, createPullThrough } from '@cistern/pull-through';
import { createJobHandlers } from '@cistern/worker';
import { asCaller } from '@cistern/pull-through/testing';
import { createLogger, createMetrics } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import { openBehaviours } from './behaviours.ts';

export interface Calls {
  head: number;
  get: number;
}

const minuteMs = 60_000;
const times = { ttlMs: minuteMs, staleWhileRevalidateMs: minuteMs, staleIfErrorMs: 60 * minuteMs } as const;

/** `owner` closes everything except the index. */
export async function openFreshnessStage(owner: { after(end: () => Promise<unknown>): unknown }, index: CacheIndex) {
  const behaving = await openBehaviours(owner);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-freshness-'));
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const metrics = createMetrics();
  const nowMs = Date.now();
  const now = () => nowMs;
  const calls = new Map<string, Calls>();
  const seeding = new Set<string>();
  const offline = { all: false };
  const callsOf = (repository: string): Calls => {
    const counted = calls.get(repository) ?? { head: 0, get: 0 };
    calls.set(repository, counted);
    return counted;
  };
  const upstreamOf = (repository: string): Upstream => {
    const behaviour = repository.split('/')[0] ?? '';
    return seeding.has(repository) ? behaving.healthy : (behaving.upstreams.get(behaviour) ?? behaving.healthy);
  };
  const upstream: Upstream = {
    ...behaving.healthy,
    async headManifest(repository, ...given) {
      callsOf(repository).head += 1;
      return upstreamOf(repository).headManifest(repository, ...given);
    },
    async getManifest(repository, ...given) {
      callsOf(repository).get += 1;
      return upstreamOf(repository).getManifest(repository, ...given);
    },
  };
  const policyOf = createFreshnessPolicies([
    {
      name: 'docker.io',
      freshness: [
        { tags: ['forgotten'], ...times, onNotFound: 'forget' },
        { tags: ['*'], ...times, onNotFound: 'keep' },
      ],
    },
  ]);
  const store = createMemoryStore();
  const fills = createFillTable();
  const slots = { interactive: 32, background: 32 };
  const jobs = createInlineJobs({ slots: { blob: slots, short: slots }, maxWaiting: 10_000, log });
  const parts = { index, store, fills, log, metrics, now, policyOf, adoptAs: () => undefined };
  const workers = jobs.work(
    createJobHandlers({
      ...parts,
      queue: jobs.queue,
      upstreams: new Map([['docker.io', upstream]]),
      spools: await openSpoolDirectory(directory, { maxBytes: Infinity }),
      address: '',
      maxWholeForRangeBytes: Infinity,
    }),
  );
  const cache = createPullThrough({
    ...parts,
    queue: jobs.queue,
    fillAccess: createFillAccess({ fills, address: '', remote: undefined }),
    listPolicyOf: () => times,
    isOffline: () => offline.all,
    sharedUpstreams: () => ['docker.io'],
    isListed: () => true,
  });
  owner.after(async () => {
    await workers.close(0);
    await rm(directory, { recursive: true, force: true });
  });
  return { ...behaving, cache: asCaller(cache), index, store, nowMs, callsOf, seeding, offline };
}

export type FreshnessStage = Awaited<ReturnType<typeof openFreshnessStage>>;

// Starts the whole cache in one process for tests, with real use cases and jobs. Adapters are in memory or on the filesystem. The
// test scripts the upstreams and sets the clock.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore } from '@cistern/blob-store';
import { openFsStore } from '@cistern/blob-store/fs';
import { createMemoryStore } from '@cistern/blob-store/memory';
import type { CacheIndex } from '@cistern/index';
import { createTestIndex } from '@cistern/index/testing';
import type { JobHandlers, JobQueue } from '@cistern/jobs';
import { createInlineJobs } from '@cistern/jobs/inline';
import { createLogger, createMetrics, type Logger } from '@cistern/telemetry';
import { type DiskRoom, limitStore, createFillAccess, createFillTable, openSpoolDirectory } from '@cistern/fills';
import { createUseCases } from '../create-pull-through.ts';
import { createBufferPool, createSharedReads } from '@cistern/streams';
import { createPullHandlers, type PullHandlerDeps } from '../work/create-pull-handlers.ts';
import { parkFills } from '../work/park-fills.ts';
import { createTestPolicy } from './test-policy.ts';
import { refuseOffline } from '../freshness/open-offline-switch.ts';
import { createScriptedUpstream } from '@cistern/upstream/testing';
import { servingFromMemory } from './serving-from-memory.ts';
import { testSegmentBytes } from './test-segment-bytes.ts';
import { type PrewarmJob, refusePrewarms } from './refuse-prewarms.ts';

interface TestHandlerDeps extends PullHandlerDeps {
  readonly queue: JobQueue;
  readonly isOffline: (upstream: string) => boolean;
}

export interface TestCacheOptions {
  readonly store?: 'memory' | 'fs';
  readonly adoptAs?: string;
  readonly maxWholeForRangeBytes?: number;
  /** The limit of the store. */
  readonly maxBytes?: number;
  readonly spoolBytes?: number;
  /** The spool's limit for each fill. */
  readonly perFillBytes?: number | undefined;
  /** The disk of the spool. */
  readonly disk?: DiskRoom;
  readonly presignForMs?: number;
  /** Handlers of the prewarm jobs. Default: they reject. */
  readonly handlers?: (deps: TestHandlerDeps) => Pick<JobHandlers, PrewarmJob>;
  /** An existing root for the filesystem store. The test removes it. */
  readonly root?: string;
  /** Bytes for read buffers. */
  readonly readBufferBytes?: number;
  /** Bytes of a segment; default: `testSegmentBytes`. */
  readonly leastSegmentBytes?: number;
  /** True if the real clock is used. */
  readonly realTime?: boolean;
  /** Default: errors go to standard output. */
  readonly log?: Logger;
  /** Wraps a part of the cache, so that the part can fail or wait. */
  readonly wrapStore?: (store: BlobStore) => BlobStore;
  readonly wrapIndex?: (index: CacheIndex) => CacheIndex;
  readonly wrapQueue?: (queue: JobQueue) => JobQueue;
}

export async function startTestCache(options: TestCacheOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-pull-through-'));
  const clock = { nowMs: 1_700_000_000_000 };
  const now = options.realTime === true ? Date.now : () => clock.nowMs;
  const { log = createLogger({ level: 'error', formatter: 'json' }) } = options;
  const metrics = createMetrics();
  const { wrapStore = same, wrapIndex = same, wrapQueue = same, leastSegmentBytes = testSegmentBytes } = options;
  const store = wrapStore(
    options.store === 'fs'
      ? await openFsStore({ root: options.root ?? join(directory, 'store'), log })
      : createMemoryStore(),
  );
  const index = wrapIndex(createTestIndex({ now }));
  const spools = await openSpoolDirectory(store.spoolDirectory ?? join(directory, 'spool'), {
    maxBytes: options.spoolBytes ?? Infinity,
    isOneFile: store.spoolDirectory !== undefined,
    disk: options.disk,
    perFillBytes: options.perFillBytes,
    leastSegmentBytes,
  });
  const hub = createScriptedUpstream('docker.io');
  const quay = createScriptedUpstream('quay.io');
  const policy = createTestPolicy();
  const policyOf = () => policy;
  const offline = new Set<string>();
  const isOffline = (upstream: string) => offline.has(upstream);
  const fills = createFillTable();
  const slots = { interactive: 32, background: 8 };
  const jobs = createInlineJobs({ slots: { blob: slots, short: slots }, maxWaiting: 10_000, log });
  const deps = {
    index,
    store,
    upstreams: new Map([hub, quay].map((upstream) => [upstream.name, refuseOffline(upstream, isOffline)])),
    policyOf,
    adoptAs: () => options.adoptAs,
    spools,
    fills,
    queue: jobs.queue,
    isOffline,
    address: '',
    fillStore: limitStore(store, { index, maxBytes: options.maxBytes ?? Infinity, want: async () => {} }),
    maxWholeForRangeBytes: options.maxWholeForRangeBytes ?? Infinity,
    log,
    metrics,
    now,
  };
  const { handlers = refusePrewarms } = options;
  const all = { ...createPullHandlers(deps), ...handlers(deps) };
  const parked = parkFills({ handlers: all, slots, queue: jobs.queue, log });
  const inline = jobs.work(parked.handlers);
  const workers = {
    close: async (graceMs: number) => void (await Promise.all([inline.close(graceMs), parked.close(graceMs)])),
  };
  const pool = createBufferPool(options.readBufferBytes ?? 32 * 1024 * 1024);
  const reads = createSharedReads({ pool, onCastOut: () => metrics.readersCastOut.inc() });
  const startFrontend = () =>
    servingFromMemory(
      createUseCases({
        reads,
        index,
        store,
        queue: wrapQueue(jobs.queue),
        fillAccess: createFillAccess({ fills, address: '', remote: undefined }),
        policyOf,
        listPolicyOf: () => policy,
        isOffline,
        adoptAs: () => options.adoptAs,
        presignForMs: options.presignForMs,
        leastSegmentBytes,
        sharedUpstreams: () => ['docker.io', 'quay.io'],
        isListed: () => true,
        log,
        metrics,
        now,
      }),
    );
  return {
    cache: startFrontend(),
    /** Starts a frontend with empty memory, like another node, or like this node after a restart. */
    restartFrontend: startFrontend,
    hub,
    quay,
    index,
    store,
    spools,
    fills,
    queue: jobs.queue,
    pool,
    reads,
    workers,
    clock,
    metrics,
    deps,
    /** The freshness policy of all tags. Tests may change it. */
    policy,
    policyOf,
    adoptAs: () => options.adoptAs,
    /** Names of offline upstreams. */
    offline,
    async close() {
      await workers.close(0);
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function same<T>(value: T): T {
  return value;
}

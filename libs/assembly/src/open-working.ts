// The part that works: it alone talks to upstreams, and others follow its fills.
import { join } from 'node:path';
import type { BlobStore } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import type { JobWorkers } from '@cistern/jobs';
import type { Metrics } from '@cistern/telemetry';
import {
  type AnswerPeer,
  type CheckAccess,
  type FillTable,
  type SpoolDirectory,
  createAnswerAccess,
  createAnswerFill,
  createAnswerPeer,
  createCheckAccess,
  createFillTable,
  createJobHandlers,
  createStoreBacklog,
  createStoreRoom,
  handOverFills,
  openSpoolDirectory,
  refuseOffline,
  startEvictor,
  startIndexKeeper,
  startSchedules,
  storeWithRoom,
  startScrubber,
} from '@cistern/pull-through';
import { type BudgetLedger, createBudgetLedger } from '@cistern/upstream';
import { advertisedAddress } from './advertised-address.ts';
import type { AssembleOptions } from './assemble-options.ts';
import { measureJobHandlers } from './measure-job-handlers.ts';
import type { Closers } from './closers.ts';
import { createIssuerKeysFetcher, sealIssuerKeys } from './issuer-keys.ts';
import type { Shared } from './open-shared.ts';
import { evictionSettings } from './eviction-settings.ts';
import { questionSeal } from './open-caller-access.ts';
import { openTemporarySpool } from './open-temporary-spool.ts';
import { openUpstreams } from './open-upstreams.ts';
import { shareTokens } from './share-tokens.ts';
import { tracePeer } from './tracing/trace-peer.ts';

export interface Working {
  /** Begins to take jobs: once followers can read what they bring. */
  start(): Promise<void>;
  readonly fills: FillTable;
  /** What upstreams still let this cache pull. */
  readonly ledger: BudgetLedger;
  /** Of the fill server, as the records of fills have it; empty without one. */
  readonly address: string;
  /** What the worker's own server answers; absent where there are no other nodes. */
  readonly answerPeer: AnswerPeer | undefined;
  /** Asks upstreams in the names of callers. */
  readonly checkAccess: CheckAccess;
  /** Takes no more jobs, lets fills end, and asks others to go on with those that do not end in time. */
  close(graceMs: number): Promise<void>;
}

/** What handing over may take of the grace. */
const handOverMs = 15_000;
const handOverShare = 0.6;

export async function openWorking(
  config: Config,
  { index, store, jobs, remoteFills, instanceId, policyOf, offline, adoptAs }: Shared,
  options: AssembleOptions,
  { add }: Closers,
): Promise<Working> {
  const { log, metrics } = options;
  const { cluster, worker } = config;
  const spools = await openSpools(config, store, metrics, add);
  const tokens = cluster && shareTokens({ index, secret: cluster.secret.reveal(), now: Date.now });
  const ledger = createBudgetLedger({ values: index.values, metrics, log, clock: Date.now });
  const upstreams = openUpstreams(config.upstreams, { ...options, instanceId, tokens, ledger });
  add(async () => {
    await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
  });
  const fills = createFillTable();
  const address = cluster === undefined ? '' : advertisedAddress(config.worker);
  const { maxWholeForRangeBytes } = worker;
  const backlog = createStoreBacklog({ log });
  add(() => backlog.close());
  const parts = { index, store, fills, backlog, log, metrics, now: Date.now };
  const room = createStoreRoom({ index, maxBytes: config.storageLimits?.maxBytes ?? Infinity });
  const asked = new Map([...upstreams].map(([name, upstream]) => [name, refuseOffline(upstream, offline.isOffline)]));
  const checkAccess = createCheckAccess({ upstreams: asked });
  const work = {
    ...parts,
    fillStore: storeWithRoom(store, room),
    upstreams: asked,
    policyOf,
    adoptAs,
    queue: jobs.queue,
    isOffline: offline.isOffline,
    prewarm: config.prewarm,
    spools,
    address,
    remoteFills,
    maxWholeForRangeBytes,
  };
  const issuerKeys = createIssuerKeysFetcher({
    issuers: config.auth.oidc,
    store: sealIssuerKeys(store, config),
    instanceId,
    ...options,
    now: Date.now,
  });
  add(() => issuerKeys.close());
  const handlers = measureJobHandlers(createJobHandlers({ ...work, fetchIssuerKeys: issuerKeys.fetch }), metrics);
  const answerPeer = (clusterSecret: string): AnswerPeer => {
    const answer = createAnswerPeer({
      answerFill: createAnswerFill({ fills, clusterSecret, onSent: (bytes) => metrics.fillBytesSent.inc(bytes) }),
      answerAccess: createAnswerAccess({ check: checkAccess, seal: questionSeal(clusterSecret), clusterSecret, log }),
    });
    return options.tracing === undefined ? answer : tracePeer(answer, options.tracing);
  };
  let workers: JobWorkers | undefined;
  const keeper = startIndexKeeper({ index, store, log, now: Date.now });
  add(() => keeper.close());
  metrics.storeMaxBytes.set(config.storageLimits?.maxBytes ?? 0);
  const evictor = startEvictor({ ...parts, ...evictionSettings(config) });
  add(() => evictor.close());
  if (config.storageScrub !== undefined) {
    const scrubber = startScrubber({ ...work, limits: config.storageScrub });
    add(() => scrubber.close());
  }
  const { top, images } = config.prewarm;
  const prewarms = top > 0 || images.length > 0;
  const schedules = startSchedules({ queue: jobs.queue, store, log, prewarms });
  add(async () => schedules.close());
  return {
    fills,
    ledger,
    address,
    async start() {
      workers = await jobs.work(handlers);
    },
    checkAccess,
    answerPeer: cluster && answerPeer(cluster.secret.reveal()),
    async close(graceMs) {
      const closing = workers?.close(graceMs);
      const finishMs = graceMs - Math.min(handOverMs, graceMs * handOverShare);
      const handingOver =
        remoteFills && setTimeout(() => void handOverFills({ ...parts, queue: jobs.queue }), finishMs);
      await closing;
      clearTimeout(handingOver);
    },
  };
}

async function openSpools(
  { cluster, redis, worker }: Config,
  store: BlobStore,
  metrics: Metrics,
  add: Closers['add'],
): Promise<SpoolDirectory> {
  const { directory, maxBytes } = worker.spool;
  const onUsed = (bytes: number) => metrics.spoolBytes.set(bytes);
  // Workers that share a directory of blobs share its spool, from which finished files are moved into place.
  if (store.spoolDirectory !== undefined)
    return openSpoolDirectory(store.spoolDirectory, maxBytes, { onUsed, isShared: redis !== undefined });
  if (directory === undefined) return openSpoolDirectory(await openTemporarySpool({ add }), maxBytes, { onUsed });
  // Workers of one machine may read the same file, but not listen on the same port.
  const own = cluster === undefined ? directory : join(directory, `worker-${worker.address.port}`);
  return openSpoolDirectory(own, maxBytes, { onUsed });
}

// Wires a worker: its upstreams, fills, job handlers and background loops.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobStore, readDiskSpace } from '@cistern/blob-store';
import type { Config, NodeConfig } from '@cistern/config';
import { type JobHandlers, type JobWorkers, measureJobHandlers } from '@cistern/jobs';
import { createPrewarmHandlers, type PrewarmDeps, startPlanner } from '@cistern/prewarm';
import {
  type AnswerPeer,
  type CheckAccess,
  createAnswerAccess,
  createAnswerPeer,
  createCheckAccess,
  createPullHandlers,
  limitPerUpstream,
  parkFills,
  type PullHandlerDeps,
  refuseOffline,
  questionSeal,
  shareTokens,
} from '@cistern/pull-through';
import {
  type DiskRoom,
  type FillTable,
  type SpoolDirectory,
  createAnswerFill,
  createConnectionControl,
  hashInThread,
  createFillTable,
  createPeerKeys,
  handOverFills,
  limitStore,
  openSpoolDirectory,
  openTemporarySpool,
} from '@cistern/fills';
import {
  startEvictor,
  startForgetter,
  startIndexKeeper,
  startScrubber,
  startSweeper,
  evictionSettings,
  wantRoom,
} from '@cistern/maintenance';
import { type BudgetLedger, createBudgetLedger, type Upstream } from '@cistern/upstream';
import { advertisedAddress } from './build-fill-server.ts';
import type { NodeContext, NodeWork } from '@cistern/runtime/process';
import { type Closers, openAll } from '@cistern/runtime';
import { createIssuerKeysFetcher, sealIssuerKeys } from '@cistern/auth';
import {
  backgroundSlots,
  openShared,
  type Shared,
  createStoreHealth,
  openUpstreams,
  traceJobHandlers,
  tracePeer,
} from '@cistern/assembly';
import { openDiskRoom } from './open-disk-room.ts';
import { openIssuer } from './open-issuer.ts';
import { openProblems, openReporting } from '@cistern/operations';

export interface WiredWorker {
  /** Starts to take jobs. The fill server must listen before this call. */
  start(): Promise<void>;
  readonly fills: FillTable;
  /** The space on the disk of a store in a directory. Unset for other stores. */
  readonly disk: Pick<DiskRoom, 'full'> | undefined;
  readonly spool: Pick<SpoolDirectory, 'findFull'>;
  /** The remaining pulls of each upstream. */
  readonly ledger: BudgetLedger;
  /** The URL of the fill server, for the records of fills. Empty if there is no fill server. */
  readonly address: string;
  /** Answers requests of other nodes. Unset if there are no other nodes. */
  readonly answerPeer: AnswerPeer | undefined;
  /** Checks the access of callers at upstreams. */
  readonly checkAccess: CheckAccess;
  /** Takes no more jobs, and waits for the running fills. Fills that do not end in time are handed over to other workers. */
  close(graceMs: number): Promise<void>;
}

/** The part of the grace period that is reserved for handing over fills: this time, but at most this share. */
const handOverMs = 15_000;
const handOverShare = 0.6;

export async function wireWorker(
  config: NodeConfig,
  shared: Shared,
  options: NodeContext,
  closers: Closers,
): Promise<WiredWorker> {
  const { add } = closers;
  const { index, store, jobs, remoteFills, instanceId, policyOf, offline, adoptAs } = shared;
  const { log, metrics } = options;
  const { cluster, worker, live } = config;
  const { now } = index;
  const spoolDirectory = await openSpoolPath(config, store, add);
  const disk = await openDiskRoom(config, { index, store, log });
  const spools = await openSpoolDirectory(spoolDirectory, {
    ...worker.spool,
    isOneFile: store.adoptFile !== undefined,
    onUsed: (bytes) => metrics.spoolBytes.set(bytes),
    // Workers that share a directory of blobs share its spool directory too, because a complete spool file is renamed into the
    // directory of blobs.
    isShared: store.spoolDirectory !== undefined && config.redis !== undefined,
    disk,
    space: () => readDiskSpace(spoolDirectory),
  });
  const tokens = cluster && shareTokens({ index, secret: cluster.secret.reveal(), now });
  const ledger = createBudgetLedger({ values: index.values, metrics, log, clock: now });
  const wrap = (upstream: Upstream) => refuseOffline(upstream, offline.isOffline);
  const upstreams = openUpstreams(live, { ...options, instanceId, tokens, ledger, clock: now, wrap }, closers);
  const fills = createFillTable();
  const address = cluster === undefined ? '' : advertisedAddress(config.worker);
  const { maxWholeForRangeBytes } = worker;
  const parts = { index, store, fills, log, metrics, now };
  const { maxBytes } = config.storageLimits;
  const urls = live.derive((settings) => new Map(settings.upstreams.map(({ name, url }) => [name, url])));
  const checkAccess = createCheckAccess({ upstreams, urlOf: (upstream) => urls().get(upstream), now });
  const work = {
    ...parts,
    fillStore: limitStore(store, { index, maxBytes, want: (bytes) => wantRoom(index, bytes) }),
    upstreams,
    policyOf,
    adoptAs,
    queue: jobs.queue,
    isOffline: offline.isOffline,
    prewarm: config.prewarm,
    spools,
    address,
    remoteFills,
    maxWholeForRangeBytes,
    connections: createConnectionControl(),
    openHash: hashInThread,
  };
  const issuerKeys = await live.open(
    {
      name: 'the keys of issuers',
      select: ({ auth }) => auth.oidc,
      open: async (issuers, { opened }) =>
        opened(createIssuerKeysFetcher({ issuers, store: sealIssuerKeys(store, config), instanceId, ...options, now })),
    },
    closers,
  );
  const parked = parkFills({
    handlers: createWorkerHandlers({ ...work, fetchIssuerKeys: (...given) => issuerKeys().fetch(...given) }, options),
    slots: { interactive: worker.concurrency, background: backgroundSlots(worker.concurrency) },
    queue: jobs.queue,
    log,
    onParked: (jobClass, fetches) => metrics.fillsParked.set({ class: jobClass }, fetches),
  });
  const onSent = (bytes: number) => metrics.fillBytesSent.inc(bytes);
  const answerPeer = (clusterSecret: string): AnswerPeer => {
    const keys = createPeerKeys(clusterSecret);
    const answer = createAnswerPeer({
      answerFill: createAnswerFill({ fills, keys, address, now, onSent }),
      answerAccess: createAnswerAccess({ check: checkAccess, seal: questionSeal(clusterSecret), log }),
    });
    return options.tracing === undefined ? answer : tracePeer(answer, options.tracing);
  };
  const isConfigured = (upstream: string) => urls().has(upstream);
  let workers: JobWorkers | undefined;
  metrics.storeMaxBytes.set(maxBytes === Infinity ? 0 : maxBytes);
  const evictor = startEvictor({ ...parts, ...evictionSettings(config, parts) });
  live.follow(() => evictor.update());
  const loops = [
    startIndexKeeper(parts),
    evictor,
    startForgetter({ ...parts, adoptAs, forgetAfterMs: config.storageForgetAfterMs }),
    config.storageScrub && startScrubber({ ...work, limits: config.storageScrub }),
    startSweeper(parts),
    startPlanner({ ...work, ...config.prewarm, isConfigured }),
  ];
  add(async () => void (await Promise.all(loops.map(async (loop) => loop?.close()))));
  return {
    fills,
    disk,
    spool: spools,
    ledger,
    address,
    async start() {
      workers = await jobs.work(parked.handlers, address);
    },
    checkAccess,
    answerPeer: cluster && answerPeer(cluster.secret.reveal()),
    async close(graceMs) {
      const closing = Promise.all([workers?.close(graceMs), parked.close(graceMs)]);
      const finishMs = graceMs - Math.min(handOverMs, graceMs * handOverShare);
      const handingOver =
        remoteFills && setTimeout(() => void handOverFills({ ...parts, queue: jobs.queue }), finishMs);
      await closing;
      clearTimeout(handingOver);
    },
  };
}

/** Returns the handlers of all jobs. */
export function createJobHandlers(deps: PullHandlerDeps & PrewarmDeps): JobHandlers {
  return { ...createPullHandlers(deps), ...createPrewarmHandlers(deps) };
}

function createWorkerHandlers(
  deps: PullHandlerDeps & PrewarmDeps,
  { metrics, tracing }: Pick<NodeContext, 'metrics' | 'tracing'>,
): JobHandlers {
  const measured = measureJobHandlers(limitPerUpstream(createJobHandlers(deps)), metrics);
  return tracing === undefined ? measured : traceJobHandlers(measured, tracing);
}

export interface WorkerAssembly extends NodeWork {
  /**
   * Starts to take jobs. If an ACME authority is configured, it also starts to order certificates. The fill server must listen
   * before this call.
   */
  start(): Promise<void>;
  /** Answers requests of other nodes. Unset if there are no other nodes. */
  readonly answerPeer: AnswerPeer | undefined;
}

/** Assembles a worker without a frontend. If a part cannot be opened, it closes the other parts and then rejects. */
export function assembleWorker(config: NodeConfig, context: NodeContext): Promise<WorkerAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const worker = await wireWorker(config, shared, context, closers);
    const { problems } = openProblems(config, checkedParts(config, shared, worker), context, closers);
    openReporting(config, 'worker', { index: shared.index, problems, ...worker }, context, closers);
    return { ...workerAssembly(worker, config, shared, context, closers), problems };
  });
}

/** Returns the parts of a process with this worker that its health checks check. */
export function checkedParts(
  config: Pick<Config, 'storageLimits'>,
  { index, store }: Pick<Shared, 'index' | 'store'>,
  { disk, spool, ledger }: Pick<WiredWorker, 'disk' | 'spool' | 'ledger'>,
) {
  return { index, ...createStoreHealth(config, store, disk), spool, ledger };
}

/**
 * Returns `start` and `close` of a process that contains this worker and perhaps a frontend. `close` closes the worker, and then
 * all parts in `closers`.
 */
export function workerAssembly(
  worker: WiredWorker,
  config: NodeConfig,
  shared: Shared,
  context: NodeContext,
  closers: Closers,
): Omit<WorkerAssembly, 'problems'> {
  return {
    answerPeer: worker.answerPeer,
    async start() {
      await worker.start();
      const issuer = openIssuer(config, shared, context);
      if (issuer !== undefined) closers.opened(issuer);
    },
    async close(graceMs) {
      await worker.close(graceMs);
      await closers.closeAll();
    },
  };
}

/** Returns the path of the spool directory, and creates the directory if it is configured. */
async function openSpoolPath(
  { cluster, worker }: Pick<Config, 'cluster' | 'worker'>,
  store: BlobStore,
  add: Closers['add'],
): Promise<string> {
  if (store.spoolDirectory !== undefined) return store.spoolDirectory;
  const { directory } = worker.spool;
  if (directory === undefined) return openTemporarySpool({ add });
  // The port is part of the path, because workers on one machine may share a configuration file, but not a port.
  const own = cluster === undefined ? directory : join(directory, `worker-${worker.address.port}`);
  await mkdir(own, { recursive: true, mode: 0o700 });
  return own;
}

// Wires a worker: it alone connects to upstreams, and other nodes follow its fills.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobStore, readDiskSpace } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
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
import { type BudgetLedger, createBudgetLedger } from '@cistern/upstream';
import { advertisedAddress } from './build-fill-server.ts';
import type { NodeContext } from '@cistern/runtime/process';
import { type Closers, openAll } from '@cistern/runtime';
import { createIssuerKeysFetcher, sealIssuerKeys } from '@cistern/auth';
import {
  backgroundSlots,
  openShared,
  type Shared,
  type Assembled,
  createStoreHealth,
  openUpstreams,
  traceJobHandlers,
  tracePeer,
} from '@cistern/assembly';
import { openDiskRoom } from './open-disk-room.ts';
import { openIssuer } from './open-issuer.ts';
import { openReporting } from '@cistern/operations';

export interface WiredWorker {
  /** Starts to take jobs. The fill server must listen before. */
  start(): Promise<void>;
  readonly fills: FillTable;
  /** The free space on the disks of the spool and the store. */
  readonly disk: Pick<DiskRoom, 'full'>;
  /** The remaining pulls of each upstream. */
  readonly ledger: BudgetLedger;
  /** The fill server's address in the records of fills; empty without a fill server. */
  readonly address: string;
  /** Answers requests of other nodes; unset without other nodes. */
  readonly answerPeer: AnswerPeer | undefined;
  /** Checks the access of callers at upstreams. */
  readonly checkAccess: CheckAccess;
  /** Takes no more jobs, drains its fills, and hands over those that do not end in time to other workers. */
  close(graceMs: number): Promise<void>;
}

/** The part of the grace period that is reserved for handing over. */
const handOverMs = 15_000;
const handOverShare = 0.6;

export async function wireWorker(
  config: Config,
  shared: Shared,
  options: NodeContext,
  { add }: Closers,
): Promise<WiredWorker> {
  const { index, store, jobs, remoteFills, instanceId, policyOf, offline, adoptAs } = shared;
  const { log, metrics } = options;
  const { cluster, worker } = config;
  const { now } = index;
  const spoolDirectory = await openSpoolPath(config, store, add);
  const disk = await openDiskRoom(config, { index, store, log });
  const spools = await openSpoolDirectory(spoolDirectory, {
    ...worker.spool,
    isOneFile: store.adoptFile !== undefined,
    onUsed: (bytes) => metrics.spoolBytes.set(bytes),
    // Workers that share a directory of blobs share its spool, since committed files are renamed into the directory.
    isShared: store.spoolDirectory !== undefined && config.redis !== undefined,
    disk,
    space: () => readDiskSpace(spoolDirectory),
  });
  const tokens = cluster && shareTokens({ index, secret: cluster.secret.reveal(), now });
  const ledger = createBudgetLedger({ values: index.values, metrics, log, clock: now });
  const upstreams = openUpstreams(config.upstreams, { ...options, instanceId, tokens, ledger, clock: now });
  add(async () => {
    await Promise.all([...upstreams.values()].map((upstream) => upstream.close()));
  });
  const fills = createFillTable();
  const address = cluster === undefined ? '' : advertisedAddress(config.worker);
  const { maxWholeForRangeBytes } = worker;
  const parts = { index, store, fills, log, metrics, now };
  const { maxBytes } = config.storageLimits;
  const guarded = new Map([...upstreams].map(([name, upstream]) => [name, refuseOffline(upstream, offline.isOffline)]));
  const checkAccess = createCheckAccess({ upstreams: guarded, now });
  const work = {
    ...parts,
    fillStore: limitStore(store, { index, maxBytes, want: (bytes) => wantRoom(index, bytes) }),
    upstreams: guarded,
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
  const issuerKeys = createIssuerKeysFetcher({
    issuers: config.auth.oidc,
    store: sealIssuerKeys(store, config),
    instanceId,
    ...options,
    now,
  });
  add(() => issuerKeys.close());
  const parked = parkFills({
    handlers: createWorkerHandlers({ ...work, fetchIssuerKeys: issuerKeys.fetch }, options),
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
  let workers: JobWorkers | undefined;
  metrics.storeMaxBytes.set(maxBytes === Infinity ? 0 : maxBytes);
  const loops = [
    startIndexKeeper(parts),
    startEvictor({ ...parts, ...evictionSettings(config, parts) }),
    startForgetter({ ...parts, adoptAs, forgetAfterMs: config.storageForgetAfterMs }),
    config.storageScrub && startScrubber({ ...work, limits: config.storageScrub }),
    startSweeper(parts),
    startPlanner({ ...work, ...config.prewarm }),
  ];
  add(async () => void (await Promise.all(loops.map(async (loop) => loop?.close()))));
  return {
    fills,
    disk: {
      get full() {
        return disk?.full ?? spools.full;
      },
    },
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

/** All job handlers. */
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

export interface WorkerAssembly extends Assembled {
  /** Starts to take jobs, and to order a certificate from an ACME authority if configured. The fill server must listen before. */
  start(): Promise<void>;
  /** Answers requests of other nodes; unset without other nodes. */
  readonly answerPeer: AnswerPeer | undefined;
}

/** Assembles a worker without a frontend. Rejects if a part cannot be opened, and closes the others before. */
export function assembleWorker(config: Config, context: NodeContext): Promise<WorkerAssembly> {
  return openAll(async (closers) => {
    const shared = await openShared(config, context, closers);
    const worker = await wireWorker(config, shared, context, closers);
    openReporting(config, 'worker', { index: shared.index, ...worker }, context, closers);
    return workerAssembly(worker, config, shared, context, closers);
  });
}

/** Returns the health checks, start and close of a process with this worker and perhaps a frontend. `close` closes all of `closers`. */
export function workerAssembly(
  worker: WiredWorker,
  config: Config,
  shared: Shared,
  context: NodeContext,
  closers: Closers,
): WorkerAssembly {
  return {
    ...createStoreHealth(config, shared.store, worker.disk),
    checkIndex: () => shared.index.check(),
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

/** Returns the spool directory, which exists. */
async function openSpoolPath({ cluster, worker }: Config, store: BlobStore, add: Closers['add']): Promise<string> {
  if (store.spoolDirectory !== undefined) return store.spoolDirectory;
  const { directory } = worker.spool;
  if (directory === undefined) return openTemporarySpool({ add });
  // Workers of one machine may share a configuration file, but not a port.
  const own = cluster === undefined ? directory : join(directory, `worker-${worker.address.port}`);
  await mkdir(own, { recursive: true, mode: 0o700 });
  return own;
}

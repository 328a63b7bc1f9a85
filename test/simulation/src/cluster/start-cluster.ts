// Starts a cluster of simulated processes that run the product's code: frontends and workers, with one index, store,
// queue and upstream.
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import {
  type ConnectionControl,
  type FillTable,
  type SpoolDirectory,
  createAnswerFill,
  createFillAccess,
  createFillTable,
  handOverFills,
  createPeerKeys,
  openPeerConnections,
  openRemoteFills,
  openSpoolDirectory,
} from '@cistern/fills';
import { hashHere, loadHasher } from '@cistern/fills/testing';
import { startSweeper } from '@cistern/maintenance';
import { createFreshnessPolicies, parkFills } from '@cistern/pull-through';
import { createJobHandlers } from '@cistern/worker';
import { asCaller, createUseCases, type TestPullThrough } from '@cistern/pull-through/testing';
import { createBufferPool, createSharedReads } from '@cistern/streams';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { simulatedRoot } from '../world/files/file-system.ts';
import { network } from '../world/network/network-state.ts';
import { type Owner, runAs } from '../world/owner.ts';
import type { Random } from '../world/random.ts';
import { plan } from '../world/schedule.ts';
import { fateOf, type Weather } from './cluster-weather.ts';
import { createLinks } from './create-links.ts';
import { asRemote } from './remote-part.ts';
import { type SharedIndex, createSharedIndex } from './shared-index.ts';
import { type SharedStore, createSharedFiles, createSharedMemory, startSharedS3 } from './shared-store.ts';
import { type SimulatedQueue, createSimulatedQueue } from './simulated-queue.ts';
import { type ControlledProcess, startProcess } from './start-process.ts';
import { type SimulatedUpstream, type UpstreamFaults, createSimulatedUpstream } from './simulated-upstream.ts';

export type StoreKind = 'memory' | 's3' | 'files';

export interface ClusterOptions {
  readonly frontends: number;
  readonly workers: number;
  readonly weather: Weather;
  /** `s3` and `files` use the product's adapters and run slower. */
  readonly store: StoreKind;
  readonly upstreamFaults: UpstreamFaults;
  readonly spoolBytes: number;
  readonly perFillBytes: number;
  /** The size of all segments except the last one of a blob. */
  readonly leastSegmentBytes: number;
  /** The memory that each frontend has for its readers. */
  readonly bufferBytes: number;
  readonly maxWholeForRangeBytes: number;
  /** The largest number of connections of a fill. The number that is allowed at a moment varies. */
  readonly connectionsPerBlob: number;
}

interface SimulatedWorker extends ControlledProcess {
  readonly address: string;
  readonly fills: FillTable;
  readonly spools: SpoolDirectory;
  /** Runs the sweeper once, within a short time. */
  sweep(): void;
}

interface SimulatedFrontend extends ControlledProcess {
  readonly cache: TestPullThrough;
  readonly openWindows: number;
  readonly usedBufferBytes: number;
}

export interface SimulatedCluster {
  readonly workers: readonly SimulatedWorker[];
  readonly frontends: readonly SimulatedFrontend[];
  readonly upstream: SimulatedUpstream;
  readonly store: SharedStore;
  readonly shared: SharedIndex;
  readonly jobs: Pick<SimulatedQueue, 'size' | 'loseData'>;
  /** Ends all processes. Resolves to descriptions of everything that they left open. */
  close(): Promise<string[]>;
}

const peerKeys = createPeerKeys('the secret of the simulated cluster');
/** The hasher is compiled before a world begins, because virtual time does not wait for compilation. */
await loadHasher('sha256', undefined);

const firstWorkerPort = 5_100;
const closeMs = 3_000;
const sweepMs = 2_000;
const slots = { interactive: 16, background: 4 };
/** Number of job slots of each worker. They are few, so that fetches must wait for a slot. */
const fillSlots = { interactive: 2, background: 1 };
const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const metrics = createMetrics();
const policyOf = createFreshnessPolicies([]);
const openRemote = () => openRemoteFills({ keys: peerKeys, connections: openPeerConnections(), now: Date.now, log });

export async function startCluster(options: ClusterOptions): Promise<SimulatedCluster> {
  const { weather, leastSegmentBytes } = options;
  const shared = createSharedIndex();
  const links = createLinks(weather);
  const queue = createSimulatedQueue({ random: weather.random, latencyMs: links.callMs, slots });
  const upstream = createSimulatedUpstream(options.upstreamFaults);
  const store = await openSharedStore(options.store, weather);
  network.isHeld = (from, to) => weather.cut.has(`${from} ${to}`);
  network.refusal = (from, to) => weather.refused.get(`${from} ${to}`);

  const partsOf = (owner: Owner, ends: Set<() => void>) => ({
    index: asRemote(shared.index, links.of(owner, 'index', ends), 'index'),
    queue: asRemote(queue.connect(owner), links.of(owner, 'queue', ends), 'queue'),
  });

  const openWorker = async (owner: Owner, port: number, ends: Set<() => void>) => {
    const { index, queue: ownQueue } = partsOf(owner, ends);
    const opened = await store.open(links.of(owner, 'store', ends));
    const address = `http://127.0.0.1:${port}`;
    const { spoolDirectory } = opened.store;
    const spoolPath = spoolDirectory ?? `${simulatedRoot}/${owner.name}`;
    const spools = await openSpoolDirectory(spoolPath, {
      maxBytes: options.spoolBytes,
      perFillBytes: options.perFillBytes,
      leastSegmentBytes,
      isOneFile: spoolDirectory !== undefined,
      isShared: spoolDirectory !== undefined,
    });
    const fills = createFillTable();
    const remoteFills = openRemote();
    const handlers = createJobHandlers({
      index,
      store: opened.store,
      upstreams: new Map([['docker.io', upstream.endpoint(owner)]]),
      policyOf,
      adoptAs: () => undefined,
      spools,
      fills,
      address,
      remoteFills,
      queue: ownQueue,
      maxWholeForRangeBytes: options.maxWholeForRangeBytes,
      leastSegmentBytes,
      connections: createFickleControl(weather.random, options.connectionsPerBlob),
      openHash: hashHere,
      log,
      metrics: countingSides((bytes) => upstream.countSide(owner, bytes)),
      now: Date.now,
    });
    const server = createServer(createAnswerFill({ fills, keys: peerKeys, address, now: Date.now, onSent() {} }));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const parked = parkFills({ handlers, slots: fillSlots, queue: ownQueue, log });
    const jobs = queue.join(owner, parked.handlers, { id: owner.name, countWorkers: async () => options.workers });
    return {
      fills,
      spools,
      sweep() {
        const sweeper = runAs(owner, () => startSweeper({ index, store: opened.store, log }));
        plan(sweepMs, () => void sweeper?.close(), { owner, label: 'sweep is over' });
      },
      async close(graceMs: number) {
        const closing = Promise.all([jobs.close(graceMs), parked.close(graceMs)]);
        await handOverFills({ fills, index, queue: ownQueue, log });
        await closing;
        await remoteFills.close();
        await closeServer(server);
        await opened.close();
      },
    };
  };

  const openFrontend = async (owner: Owner, ends: Set<() => void>) => {
    const opened = await store.open(links.of(owner, 'store', ends));
    const remoteFills = openRemote();
    const pool = createBufferPool(options.bufferBytes);
    const reads = createSharedReads({ pool, onCastOut() {} });
    const cache = createUseCases({
      ...partsOf(owner, ends),
      store: opened.store,
      reads,
      fillAccess: createFillAccess({ fills: undefined, address: '', remote: remoteFills }),
      policyOf,
      listPolicyOf: () => ({ ttlMs: 0, staleIfErrorMs: Infinity }),
      isOffline: () => false,
      adoptAs: () => undefined,
      sharedUpstreams: () => ['docker.io'],
      isListed: () => true,
      leastSegmentBytes,
      log,
      metrics,
      now: Date.now,
    });
    return {
      pool,
      reads,
      cache: asCaller(cache),
      async close(_graceMs: number) {
        await remoteFills.close();
        await opened.close();
      },
    };
  };

  const workers: SimulatedWorker[] = [];
  for (let i = 1; i <= options.workers; i += 1) {
    const port = firstWorkerPort + i;
    const process = await startProcess(`worker-${i}`, (owner, ends) => openWorker(owner, port, ends));
    workers.push({
      ...process.controls,
      address: `http://127.0.0.1:${port}`,
      get owner() {
        return process.owner;
      },
      get fills() {
        return process.current.fills;
      },
      get spools() {
        return process.current.spools;
      },
      sweep: () => process.current.sweep(),
    });
  }
  const frontends: SimulatedFrontend[] = [];
  for (let i = 1; i <= options.frontends; i += 1) {
    const process = await startProcess(`frontend-${i}`, openFrontend);
    frontends.push({
      ...process.controls,
      get owner() {
        return process.owner;
      },
      get cache() {
        return process.current.cache;
      },
      get openWindows() {
        return process.current.reads.windows;
      },
      get usedBufferBytes() {
        return process.current.pool.usedBytes;
      },
    });
  }

  return {
    workers,
    frontends,
    upstream,
    store,
    shared,
    jobs: queue,
    async close() {
      const left: string[] = [];
      for (const process of [...frontends, ...workers, ...(store.s3 === undefined ? [] : [store.s3])])
        left.push(...(await process.end(closeMs)));
      return left;
    },
  };
}

function countingSides(inc: (bytes: number) => void): typeof metrics {
  const fillSideBytes = Object.create(metrics.fillSideBytes) as typeof metrics.fillSideBytes;
  return { ...metrics, fillSideBytes: Object.assign(fillSideBytes, { inc }) };
}

/** Decides at random how many connections a fill uses. The product measures how many are worthwhile. */
function createFickleControl(random: Random, most: number): ConnectionControl {
  return {
    enter: () => ({
      get allowed() {
        return 1 + random(most);
      },
      isOnTrial: false,
      received() {},
      blocked: () => () => {},
      opened() {},
      refused() {},
      mismatched() {},
      leave() {},
    }),
  };
}

async function openSharedStore(kind: StoreKind, weather: Weather): Promise<SharedStore> {
  if (kind === 's3') return startSharedS3(weather.random);
  if (kind === 'memory') return createSharedMemory();
  return createSharedFiles(() => fateOf(weather, 'store') !== 'done');
}

async function closeServer(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

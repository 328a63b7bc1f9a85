// Starts a whole cluster in one process for tests. Frontends and workers use the real protocol, a shared index and store, and
// scripted upstreams. Workers can be killed, frozen and shut down. Links between two nodes can be cut.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { CacheError } from '@cistern/errors';
import type { JobClass } from '@cistern/jobs';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createUseCases } from '../create-pull-through.ts';
import { asCaller } from './as-caller.ts';
import {
  createFillTable,
  createFillAccess,
  createPeerKeys,
  type FillAccess,
  openRemoteFills,
  type RemoteFills,
} from '@cistern/fills';
import { createBufferPool, createSharedReads } from '@cistern/streams';
import { type ClusterIndex, createSharedIndex } from './create-shared-index.ts';
import { createTestQueue } from './create-test-queue.ts';
import { type Relay, openRelay, openRelayedConnections } from './open-relay.ts';
import { createScriptedUpstream } from '@cistern/upstream/testing';
import { createSimulatedProcess, throughProcess } from './simulated-process.ts';
import { createTestPolicy } from './test-policy.ts';
import { testSegmentBytes } from './test-segment-bytes.ts';
import { startTestWorker } from './start-test-worker.ts';

export interface TestClusterOptions {
  readonly frontends?: number;
  readonly workers?: number;
  readonly maxWholeForRangeBytes?: number;
  /** How many fetches each worker runs at a time. */
  readonly slots?: Readonly<Record<JobClass, number>>;
  readonly spoolBytes?: (worker: string) => number;
  /** The spool's limit for each fill. */
  readonly perFillBytes?: number;
  /** Bytes of a segment; default: `testSegmentBytes`. */
  readonly leastSegmentBytes?: number;
  readonly wrapStore?: (store: BlobStore) => BlobStore;
  /** Default: an index in memory. */
  readonly over?: ClusterIndex;
  /** Creates a frontend's access to fills. Default: the access of this release. */
  readonly accessOf?: (link: (address: string) => Promise<Relay>) => FillAccess;
}

export const clusterSecret = 'the secret of the test cluster';
const peerKeys = createPeerKeys(clusterSecret);
const closeMs = 3_000;
const none = createFillTable();

/** Starts nodes with the names `frontend-1`, `worker-1` and so on. Everything is closed at the end of the test. */
export async function startTestCluster(t: TestContext, options: TestClusterOptions = {}) {
  const { frontends = 2, workers = 2 } = options;
  const { maxWholeForRangeBytes = Infinity, wrapStore = (store) => store } = options;
  const { slots = { interactive: 32, background: 8 }, spoolBytes = () => Infinity } = options;
  const { perFillBytes, leastSegmentBytes = testSegmentBytes } = options;
  const unconnected = new Set<string>();
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cluster-'));
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const shared = createSharedIndex(options.over);
  const { now } = shared;
  const stored = createMemoryContents();
  const store = wrapStore(createMemoryStore({ contents: stored }));
  const hub = createScriptedUpstream('docker.io');
  const quay = createScriptedUpstream('quay.io');
  const queue = createTestQueue();
  const policy = createTestPolicy();
  const relays = new Map<string, Promise<Relay>>();
  const remotes: RemoteFills[] = [];
  const ports = new Map<string, () => number | undefined>();
  const ended: { end(): Promise<void> }[] = [];

  const link = (from: string, address: string): Promise<Relay> => {
    const key = `${from} ${address}`;
    const known = relays.get(key);
    if (known !== undefined) return known;
    const relay = openRelay(() => ports.get(address)?.());
    relays.set(key, relay);
    return relay;
  };

  /** Opens the access of node `name` to the fills of other nodes, with a relay for each node. */
  const openRemote = (name: string): RemoteFills => {
    const connections = openRelayedConnections((address) => link(name, address));
    const remote = openRemoteFills({ keys: peerKeys, connections, now, log });
    remotes.push(remote);
    return remote;
  };

  const startWorker = async (name: string) => {
    const address = `http://${name}:5002`;
    const spoolPath = join(directory, name);
    const upstreams = [hub, quay];
    const parts = {
      name,
      address,
      peerKeys,
      store,
      queue,
      upstreams,
      policy,
      spoolPath,
      spoolBytes: spoolBytes(name),
      perFillBytes,
      leastSegmentBytes,
      slots,
      checkNetwork() {
        if (unconnected.has(name))
          throw new CacheError('upstream-unreachable', `${name} has no route to the upstream.`, {
            retryable: true,
            isLocal: true,
          });
      },
      log,
      now,
    };
    const start = () =>
      startTestWorker({ ...parts, index: shared.index, remoteFills: openRemote(name), maxWholeForRangeBytes });
    let current = await start();
    let isUp = true;
    ports.set(address, () => (isUp ? current.port : undefined));

    const eachLink = async (change: (relay: Relay) => void) => {
      for (const [key, relay] of relays) if (key.endsWith(` ${address}`)) change(await relay);
    };

    return {
      name,
      address,
      get process() {
        return current.process;
      },
      /** The fills of the current process. */
      get fills() {
        return isUp ? current.fills : none;
      },
      get spools() {
        return isUp ? current.spools : { usedBytes: 0 };
      },
      /** Makes the spool's disk full. */
      fillDisk: () => current.fillDisk(),
      get sent() {
        return current.sent;
      },
      get url() {
        return `http://127.0.0.1:${current.port}`;
      },
      /** Simulates `kill -9`. */
      async kill() {
        isUp = false;
        current.process.kill();
        ended.push(current);
        current.loseJobs();
        await eachLink((relay) => relay.cut());
        await current.closeServer();
      },
      /** Simulates SIGSTOP. */
      async freeze() {
        current.process.freeze();
        current.loseJobs();
        await eachLink((relay) => relay.hold());
      },
      /** Simulates SIGCONT. */
      async wake() {
        await eachLink((relay) => relay.restore());
        current.process.wake();
        queue.dispatch();
      },
      /** Simulates SIGTERM: shuts down like a real worker. */
      async terminate(graceMs: number) {
        const closing = current.closeJobs(graceMs);
        await current.handOver();
        await closing;
        isUp = false;
        await current.closeServer();
      },
      /** Starts another process with the same name and address, after `kill` or `terminate`. */
      async restart() {
        current = await start();
        isUp = true;
        await eachLink((relay) => relay.restore());
      },
      async close() {
        await current.closeServer();
        current.process.wake();
        if (current.process.state === 'killed') return;
        await current.closeJobs(closeMs);
      },
    };
  };

  const startFrontend = (name: string) => {
    const process = createSimulatedProcess(name);
    const pool = createBufferPool(32 * 1024 * 1024);
    const reads = createSharedReads({ pool, onCastOut() {} });
    const cache = asCaller(
      createUseCases({
        reads,
        index: throughProcess(shared.index, process),
        store: throughProcess(store, process, 'store'),
        queue: throughProcess(queue.queue, process, 'queue'),
        fillAccess:
          options.accessOf?.((address) => link(name, address)) ??
          createFillAccess({ fills: undefined, address: '', remote: openRemote(name) }),
        policyOf: () => policy,
        listPolicyOf: () => policy,
        isOffline: () => false,
        adoptAs: () => 'docker.io',
        leastSegmentBytes,
        sharedUpstreams: () => ['docker.io', 'quay.io'],
        isListed: () => true,
        log,
        metrics: createMetrics(),
        now,
      }),
    );
    return { name, cache, reads, pool, process };
  };

  const started: Awaited<ReturnType<typeof startWorker>>[] = [];
  for (let i = 1; i <= workers; i += 1) started.push(await startWorker(`worker-${i}`));
  const nodes = Array.from({ length: frontends }, (_, i) => startFrontend(`frontend-${i + 1}`));

  t.after(async () => {
    for (const worker of started) await worker.close();
    for (const process of ended) await process.end();
    for (const remote of remotes) await remote.close();
    for (const relay of relays.values()) await (await relay).close();
    await rm(directory, { recursive: true, force: true });
  });

  return {
    directory,
    hub,
    quay,
    /** Names of workers without a connection to any upstream. Tests may change the set. */
    unconnected,
    /** Tests may change it. */
    policy,
    stored,
    store,
    queue,
    shared,
    index: shared.index,
    workers: started,
    frontends: nodes,
    /** Routes connections to `address` to this port. */
    listenAt: (address: string, port: number) => void ports.set(address, () => port),
    /** Returns the relay between a node and a worker. */
    link: (from: { readonly name: string }, to: { readonly address: string }) => link(from.name, to.address),
  };
}

// A cluster of simulated processes that run the product's own nodes, assembled by its composition root. Frontends serve
// clients over HTTP, and workers call upstreams over HTTP.
import { assembleAdmin } from '@cistern/admin';
import { openLiveConfig } from '@cistern/config';
import { isCacheError } from '@cistern/errors';
import { buildFrontendNode } from '@cistern/frontend';
import type { CacheNode } from '@cistern/runtime/process';
import { createLogger, createMetrics, type Metrics } from '@cistern/telemetry';
import { buildWorker } from '@cistern/worker';
import { setTimeout as delay } from 'node:timers/promises';
import type { SharedPart, Weather } from '../cluster/cluster-weather.ts';
import { createLinks } from '../cluster/create-links.ts';
import { asRemote } from '../cluster/remote-part.ts';
import { type SharedIndex, createSharedIndex } from '../cluster/shared-index.ts';
import { type SimulatedQueue, createSimulatedQueue } from '../cluster/simulated-queue.ts';
import { type ControlledProcess, startProcess } from '../cluster/start-process.ts';
import { network } from '../world/network/network-state.ts';
import { type Owner, currentOwner, runAs } from '../world/owner.ts';
import { setAdapterDoubles } from './adapter-doubles.ts';
import { createGaps } from './create-gaps.ts';
import './doubles/bullmq.ts';
import './doubles/redis-index.ts';
import './doubles/s3-store.ts';
import { nodeConfig } from './node-config.ts';
import { type NodeStore, startNodeStore } from './start-node-store.ts';

export interface NodesOptions {
  readonly frontends: number;
  readonly workers: number;
  readonly weather: Weather;
  readonly store: 'memory' | 's3';
  /** Number of blob jobs, and of other jobs, that a worker runs at the same time. Default: 16. */
  readonly interactiveSlots?: number;
  /** See `NodeSettings`. */
  readonly file: string;
  readonly log?: ((line: string) => void) | undefined;
}

interface SimulatedNode extends ControlledProcess {
  readonly port: number;
  readonly metrics: Metrics;
}

type Admin = Awaited<ReturnType<typeof assembleAdmin>>;

export interface SimulatedNodes {
  readonly frontends: readonly SimulatedNode[];
  readonly workers: readonly SimulatedNode[];
  readonly store: NodeStore;
  readonly shared: SharedIndex;
  readonly jobs: Pick<SimulatedQueue, 'size' | 'loseData'>;
  /** Opens the admin node's parts in a process of its own, and closes them when `work` ends. */
  asAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T>;
  /** Ends all processes. Resolves to descriptions of everything that they left open. */
  close(): Promise<string[]>;
}

const ports = { frontend: 5_000, worker: 5_100, admin: 5_200 };
const closeMs = 3_000;
const restartMs = 500;

const mostBackgroundSlots = 4;

const builders = { frontend: buildFrontendNode, worker: buildWorker };

export async function startNodes(options: NodesOptions): Promise<SimulatedNodes> {
  const { weather, log: write = () => {} } = options;
  const shared = createSharedIndex();
  const links = createLinks(weather);
  const { interactiveSlots: interactive = 16 } = options;
  const slots = { interactive, background: Math.min(interactive, mostBackgroundSlots) };
  const queue = createSimulatedQueue({ random: weather.random, latencyMs: links.callMs, slots });
  const store = await startNodeStore(options.store, weather);
  const endsOf = new WeakMap<Owner, Set<() => void>>();
  network.isHeld = (from, to) => weather.cut.has(`${from} ${to}`);
  network.refusal = (from, to) => weather.refused.get(`${from} ${to}`);

  const link = (part: SharedPart, ends = endsOf.get(currentOwner()!)!) => links.of(currentOwner()!, part, ends);
  setAdapterDoubles({
    async openIndex() {
      const ends = new Set<() => void>();
      endsOf.get(currentOwner()!)!.add(() => endAll(ends));
      const gaps = createGaps(currentOwner()!);
      const way = link('index', ends);
      const losesCall = (step: string) => way.losesCall(step) && gaps.note();
      const index = asRemote(shared.index, { ...way, losesCall }, 'index');
      await index.check();
      return { ...index, pubsub: gaps.watch(index.pubsub), close: async () => endAll(ends) };
    },
    openQueue: () => ({ queue: asRemote(queue.connect(currentOwner()), link('queue'), 'queue'), async close() {} }),
    openWorkers: (handlers, place) => queue.join(currentOwner()!, handlers, place),
    openStore: () => store.memory && { ...asRemote(store.memory, link('store'), 'store'), async close() {} },
  });

  const logOf = (name: string) =>
    createLogger({
      // The level is the same with and without a reader of the log, because each line reads the clock, which takes
      // virtual time.
      level: 'info',
      formatter: 'json',
      destination: { write: (line) => write(`${name} ${line.trimEnd()}`) },
    });
  const settings = { file: options.file, endpoint: store.endpoint };

  const start = async (role: 'frontend' | 'worker', number: number): Promise<SimulatedNode> => {
    const port = ports[role] + number;
    const name = `${role}-${number}`;
    const metrics = metricsOf(name);
    const context = { log: logOf(name), metrics, env: {}, version: '0.0.0' };
    const config = nodeConfig(role, port, settings);
    const process = await startProcess(name, async (owner, ends) => {
      endsOf.set(owner, ends);
      metrics.registry.resetMetrics();
      return openNode(() => builders[role](openLiveConfig(config).config, context));
    });
    return {
      ...process.controls,
      port,
      metrics,
      get owner() {
        return process.owner;
      },
    };
  };

  const workers: SimulatedNode[] = [];
  for (let i = 1; i <= options.workers; i += 1) workers.push(await start('worker', i));
  const frontends: SimulatedNode[] = [];
  for (let i = 1; i <= options.frontends; i += 1) frontends.push(await start('frontend', i));
  return {
    frontends,
    workers,
    store,
    shared,
    jobs: queue,
    async asAdmin(work) {
      const metrics = metricsOf('admin');
      const config = nodeConfig('admin', ports.admin, settings);
      const context = { log: logOf('admin'), metrics, version: '0.0.0' };
      const process = await startProcess('admin', async (owner, ends) => {
        endsOf.set(owner, ends);
        metrics.registry.resetMetrics();
        return retried(() => assembleAdmin(openLiveConfig(config).config, context));
      });
      try {
        return await runAs(process.owner, () => work(process.current));
      } finally {
        await process.controls.end(closeMs);
      }
    },
    async close() {
      const left: string[] = [];
      for (const process of [...frontends, ...workers]) left.push(...(await process.end(closeMs)));
      left.push(...(await store.close()));
      return left;
    },
  };
}

async function openNode(build: () => Promise<CacheNode>): Promise<CacheNode> {
  const node = await retried(build);
  await node.listen();
  return node;
}

/** A process that finds no index or store retries until they are available. */
async function retried<T>(open: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isCacheError(error, 'store-unavailable', 'index-unavailable')) throw error;
      await delay(restartMs);
    }
  }
}

function endAll(ends: Set<() => void>): void {
  for (const end of ends) end();
}

/** Creating metrics takes longer than most runs. */
const metricsByName = new Map<string, Metrics>();

function metricsOf(name: string): Metrics {
  const known =
    metricsByName.get(name) ?? createMetrics({ upstreams: ['docker.io', 'second.example', 'private.example'] });
  metricsByName.set(name, known);
  return known;
}

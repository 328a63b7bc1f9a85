// Runs a cold herd in a cluster, for a blob of any size. Asserts one upstream GET, right bytes for all clients and
// bounded memory. Few bytes pass twice between worker and frontends, and a slow client slows no other. Figures are
// reported, not asserted.
import assert from 'node:assert/strict';
import { type HerdPlan, startHerd } from '@cistern/herds';
import { watchMemory } from '@cistern/test-servers';
import { assertAllRight } from './assert-all-right.ts';
import { type ClusterRig, openClusterRig } from './open-cluster-rig.ts';
import { readMetric } from './read-metric.ts';

const mebibyte = 1024 * 1024;
const clients = 200;
const slow = 17;
const repository = 'library/herd';

interface FirstBytes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface ClusterHerdFigures {
  readonly cold: FirstBytes;
  readonly warm: FirstBytes;
  readonly seconds: number;
  /** Bytes that left the worker, as a multiple of the blob's size. */
  readonly sentBlobs: number;
  /** How often a reader was too slow for a shared read. */
  readonly castOut: number;
  /** Memory growth of each node, by name. */
  readonly grownMebibytes: Readonly<Record<string, number>>;
}

export interface ClusterHerdOptions {
  /** Bytes of the blob. */
  readonly size: number;
  /** The bytes that may leave the workers, as a multiple of the blob's size. */
  readonly maxSentBlobs: number;
  /**
   * The bytes that each client of the warm herd reads. Default: all. Only the times of its first bytes are compared.
   */
  readonly warmBytes?: number;
}

/** `owner` ends everything that this starts. */
export async function runClusterHerd(
  owner: Parameters<typeof openClusterRig>[0],
  { size, maxSentBlobs, warmBytes = size }: ClusterHerdOptions,
): Promise<ClusterHerdFigures> {
  const rig = await openClusterRig(owner);
  const { upstream, cluster, nodes, urlOf } = rig;
  await warmUp(rig);
  const seed = 42;
  const { digest } = upstream.addBlob(repository, { size, seed });
  const plan = { url: urlOf(`${repository}/blobs/${digest}`), size, seed, clients };
  const sentBefore = await readMetric(cluster.workers, 'cistern_fill_sent_bytes_total');
  const watches = nodes.map((node) => [node.name, watchMemory(node.pid)] as const);

  const coldPlan: HerdPlan = { ...plan, special: { [slow]: { bytesPerSecond: 200_000 } } };
  using cold = disposable(startHerd(coldPlan));
  await cold.herd.until(() => cold.herd.ends().filter(({ client }) => client !== slow).length === clients - 1);
  assert.equal(cold.herd.ends().length, clients - 1, 'the other clients ended while the slow client was still reading');
  const seconds = Math.max(...cold.herd.events.map(({ atMs }) => atMs)) / 1000;
  cold.herd.hurry();
  assertAllRight(await cold.herd.ended(), coldPlan);
  const grown = watches.map(([name, watch]) => [name, Math.round(watch.stop() / mebibyte)] as const);
  const sent = (await readMetric(cluster.workers, 'cistern_fill_sent_bytes_total')) - sentBefore;

  const warmPlan = { ...plan, special: leavingAfter(warmBytes) };
  using warm = disposable(startHerd(warmPlan));
  assertAllRight(await warm.herd.ended(), warmPlan);
  assert.equal(upstream.count({ method: 'GET', digest }), 1);
  assert.equal(upstream.bytesSent(digest), size);
  assert.ok(sent <= maxSentBlobs * size, `${sent} bytes left the workers, ${sent / size} times the blob`);
  // Far above the measured growth, and far below the size of a buffer for each client.
  for (const [name, mebibytes] of grown) assert.ok(mebibytes <= 256, `${name} grew by ${mebibytes} MiB`);
  return {
    cold: firstBytes(cold.herd.events),
    warm: firstBytes(warm.herd.events),
    seconds,
    sentBlobs: sent / size,
    castOut: await readMetric(cluster.frontends, 'cistern_window_readers_cast_out_total'),
    grownMebibytes: Object.fromEntries(grown),
  };
}

/** Warms up all processes, so that later growth belongs to the herd and not to the first requests of a process. */
async function warmUp({ upstream, urlOf }: ClusterRig): Promise<void> {
  for (const seed of [1, 2, 3]) {
    const size = 8 * mebibyte;
    const { digest } = upstream.addBlob(repository, { size, seed });
    const plan: HerdPlan = { url: urlOf(`${repository}/blobs/${digest}`), size, seed, clients: 30 };
    for (const _temperature of ['cold', 'warm']) {
      using warming = disposable(startHerd(plan));
      assertAllRight(await warming.herd.ended(), plan);
    }
  }
}

function leavingAfter(bytes: number): NonNullable<HerdPlan['special']> {
  return Object.fromEntries(Array.from({ length: clients }, (_, client) => [client, { leavesAfterBytes: bytes }]));
}

function firstBytes(events: ReturnType<typeof startHerd>['events']): FirstBytes {
  const times = events.flatMap((event) => (event.kind === 'first-byte' ? [event.afterMs] : [])).sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

function disposable(herd: ReturnType<typeof startHerd>) {
  return { herd, [Symbol.dispose]: () => herd.close() };
}

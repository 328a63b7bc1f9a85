// Scenario 1: one or two blobs, several readers of whole blobs and ranges, and all faults that a cluster can have.
import { type Digest, parseRepositoryName } from '@cistern/oci';
import { clearWeather, createWeather } from '../cluster/cluster-weather.ts';
import { digestOnce } from '../cluster/right-bytes.ts';
import { type SimulatedCluster, type StoreKind, startCluster } from '../cluster/start-cluster.ts';
import { disk, fileSystem, simulatedRoot } from '../world/files/file-system.ts';
import { network } from '../world/network/network-state.ts';
import { runAs } from '../world/owner.ts';
import { type Random, createRandom } from '../world/random.ts';
import { applyFaults } from './apply-faults.ts';
import { blobFaults, readerFaults, type FaultKind, kindsOf, type PlannedFault, planFaults } from './fault-plan.ts';
import { pause } from '../cluster/pause.ts';
import { checkCommits, checkRefetch, judge, judgeRest, judgeUpstream, type Outcome, servesNow } from './judge-blobs.ts';
import { type BlobReading, readBlob } from './read-blob.ts';
import type { Run, Scenario } from './run-world.ts';
import { sampleBytes } from './sample-bytes.ts';
import { createUpstreamFaults, lateChunkMs } from './upstream-faults.ts';
import { watchLeases } from './watch-leases.ts';
import { watchPace } from './watch-pace.ts';
import { watchSides } from './watch-sides.ts';
import { watchSpools } from './watch-spools.ts';

const holders = ['library/nginx', 'library/redis'].map((name) => ({
  upstream: 'docker.io',
  repository: parseRepositoryName(name),
}));
const stranger = { upstream: 'docker.io', repository: parseRepositoryName('someone/else') };

const segmentSizes = [16_384, 32_768, 65_536, 100_000, 262_144];
/** Smallest segment of a large blob. With smaller segments, a run would need as many events as a hundred other runs. */
const leastOfLarge = 65_536;
/** Limits of runs with late readers, whose spool must keep only a small part of a blob. */
const mostOfLate = { segmentBytes: 32_768, segments: 3 };
const leastOfLate = { size: 500_000, readers: 3 };
const perFillSegments = [2, 3, 8, 30, Infinity];
const spoolSegments = [1, 2, 3, 4, 8];
/** Size of the upstream's chunks. */
const chunkBytes = 65_536;
const sizes = [1, 1_000, 65_536, 65_537, 100_000, 200_000, 500_000, 700_000];
const largeSize = 9_000_000;
/**
 * Share of runs with a large blob, by kind of store. It is higher for S3, because large blobs are uploaded in parts.
 */
const largeShare = { memory: 0.08, s3: 0.1, files: 0.05 };
const bufferSizes = [32 * 1024 * 1024, 32 * 1024 * 1024, 300_000];
const settleMs = 20_000;
const quietMs = 40_000;
const mayMove = ['cut link', 'freeze worker', 'index away', 'index lost', 'full disk'] as const;
/** How long a reader stops. No fill takes longer. */
const stopMs = 90_000;
/** One run in this many has only faults of readers. */
const readersEvery = 6;

/** Most runs have a store in memory. One in six has the product's S3 store, and one in six its file store. */
const stores: readonly StoreKind[] = ['s3', 'memory', 'memory', 'files', 'memory', 'memory'];

export const blobScenario = createBlobScenario('blobs', (seed) => stores[seed % stores.length]!);
export const blobsInFiles = createBlobScenario('blobs-in-files', () => 'files');
export const blobsOnS3 = createBlobScenario('blobs-on-s3', () => 's3');

function createBlobScenario(name: string, storeOf: (seed: number) => StoreKind): Scenario {
  return {
    name,
    kinds: kindsOf(blobFaults),
    plan: (seed, named) =>
      planFaults(createRandom(seed * 7919 + 13), {
        often: storeOf(seed) === 'memory' ? undefined : 'store away',
        table: named === undefined && isOfReaders(seed) ? readerFaults : blobFaults,
        named,
      }),
    play: (run) => play(run, storeOf(run.seed)),
  };
}

/** Selects runs across all kinds of stores. */
function isOfReaders(seed: number): boolean {
  return Math.floor(seed / stores.length) % readersEvery === 2;
}

async function play(run: Run, store: StoreKind): Promise<() => Promise<void>> {
  const { seed, faults, problem, trace } = run;
  const random = createRandom(seed * 104_729 + 7);
  const has = (kind: FaultKind) => faults.some((fault) => fault.kind === kind);
  const isLarge = random.chance(largeShare[store]) && !has('late readers');
  const isLate = has('late readers');
  const size = isLarge ? largeSize : random.pick(sizes);
  const bytes = sampleBytes(isLate ? Math.max(leastOfLate.size, size) : size);
  const digest = digestOnce(bytes);
  // Fills wait for one another when space is short.
  const blobs = has('small spool') ? [bytes, sampleBytes(random.pick(sizes))] : [bytes];
  network.maxLatencyMs = random.pick([0.2, 1, 20]);
  fileSystem.maxLatencyMs = random.pick([0.05, 0.5, 20]);
  const weather = createWeather(createRandom(seed ^ 0x5eed));
  weather.callMs = random.pick([0.2, 1, 30]);
  const upstreamFaults = createUpstreamFaults(faults, random);
  const drawnSegment = random.pick(segmentSizes);
  const mostSegment = isLate ? mostOfLate.segmentBytes : Infinity;
  const segmentBytes = Math.max(Math.min(drawnSegment, mostSegment), isLarge ? leastOfLarge : 0);
  const largest = Math.max(...blobs.map(({ length }) => length));
  const smallSpool = random.chance(0.3) ? largest + 200_000 : random.pick(spoolSegments) * segmentBytes;
  const perFill = random.pick(perFillSegments);
  const limits = {
    segmentBytes,
    perFillBytes: (isLate ? Math.min(mostOfLate.segments, perFill) : perFill) * segmentBytes,
    spoolBytes: has('small spool') ? Math.max(segmentBytes, smallSpool) : 1_000_000_000,
  };
  const connectionsPerBlob = random.pick([1, 1, 2, 4]);
  const workers = 2 + random(2);
  const bufferBytes = random.pick(bufferSizes);
  const maxWholeForRangeBytes = random.chance(0.3) ? 150_000 : Infinity;
  const cluster = await startCluster({
    frontends: 2,
    workers,
    weather,
    store,
    upstreamFaults,
    bufferBytes,
    ...limits,
    leastSegmentBytes: segmentBytes,
    connectionsPerBlob,
    maxWholeForRangeBytes,
  });
  const { upstream, shared } = cluster;
  for (const { repository } of holders) for (const blob of blobs) upstream.addBlob(repository, blob);
  if (random.chance(0.6))
    for (const key of holders)
      await shared.index.links.put(key, [{ ...key, digest, kind: 'blob', size: bytes.length, mediaType: 'layer' }]);
  checkCommits(cluster, problem);
  const spools = watchSpools(cluster, { ...limits, largestBytes: largest }, faults, problem);
  const isOfReadersAlone = faults.every(({ kind }) => kind in readerFaults);
  if (isOfReadersAlone)
    watchPace(cluster, { sizes: blobs.map(({ length }) => length), segmentBytes, callMs: weather.callMs }, problem);
  const leases = blobs.map((blob) => watchLeases(cluster, { digest: digestOnce(blob), weather }, problem));
  // A fill can have stopped using a store that failed.
  const isUnbounded = maxWholeForRangeBytes !== Infinity || has('store away');
  const sides = blobs.map((blob) =>
    watchSides(cluster, { digest: digestOnce(blob), size: blob.length, isUnbounded }, problem),
  );
  const damage = (degree: number) => damageStored(cluster, digest, degree);
  const isWindowed = largest > limits.perFillBytes || has('small spool');
  const own = { sweep: async ({ target }: PlannedFault) => cluster.workers[target % cluster.workers.length]!.sweep() };
  const applied = applyFaults(faults, { cluster, weather, own, damage, trace, problem });

  const lateMs = (lateChunkMs / 2) * Math.ceil(bytes.length / chunkBytes);
  const count = 2 + random(3);
  const readers = Array.from({ length: isLate ? count + leastOfLate.readers : count }, async (_, i) => {
    const startsLate = i >= count;
    await pause(random(startsLate ? lateMs : faults.length === 0 ? 3_000 : 9_000));
    const frontend = random.pick(cluster.frontends);
    const isStranger = random.chance(0.08);
    const leavesAfterMs =
      has('clients leave') && random.chance(0.5) ? random(random.pick([300, 3_000, 12_000])) : undefined;
    const leavesAfterChunks = has('clients leave') && random.chance(0.2) ? random(4) : undefined;
    const stop = has('clients stop') && random.chance(0.6) ? { afterChunks: random(6), ms: random(stopMs) } : undefined;
    const slowness = has('clients slow') ? 0.3 : 0.02;
    const wanted = startsLate ? bytes : random.pick(blobs);
    const read = () =>
      readBlob(frontend.cache, {
        key: isStranger ? stranger : random.pick(holders),
        digest: digestOnce(wanted),
        bytes: wanted,
        reads: startsLate ? ['whole'] : chooseReads(random, wanted.length),
        leavesAfterMs,
        leavesAfterChunks,
        stop,
        segmentBytes,
        slowness,
        random,
      });
    const outcome = await endsWith(frontend.owner, runAs(frontend.owner, read));
    const why = outcome.result === 'error' ? ` ${(outcome.error as Error).message}` : '';
    trace(`reader ${i} at ${frontend.name}: ${outcome.result}${why}`);
    const maySendWrong = has('upstream lies');
    const mayReadWrong = maySendWrong || has('damage stored');
    const mayFail = isStranger || !isOfReadersAlone;
    judge(outcome, { isStranger, maySendWrong, mayReadWrong, mayFail, problem, name: `reader ${i}` });
  });
  await Promise.all(readers);
  await Promise.all([applied.end(), spools.settle()]);
  clearWeather(weather);
  await pause(settleMs);
  upstreamFaults.isOver = true;
  for (const watch of [...leases, ...sides]) watch.end();
  await pause(settleMs);

  for (const blob of blobs)
    judgeUpstream(cluster, applied, {
      faults,
      isStriped: connectionsPerBlob > 1,
      refused: spools.refused,
      bytes: blob,
      problem,
    });
  for (const frontend of cluster.frontends)
    for (const blob of blobs)
      await servesNow(frontend, { key: holders[0]!, digest: digestOnce(blob), bytes: blob, segmentBytes }, problem);
  spools.end();
  if (bytes.length < largeSize)
    await checkRefetch(cluster, { key: holders[0]!, digest, bytes, segmentBytes }, { callMs: weather.callMs, problem });
  await pause(quietMs);
  for (const blob of blobs) await judgeRest(cluster, digestOnce(blob), problem);
  const isStopped = has('kill worker') || has('terminate worker');
  const files = disk.list(simulatedRoot, true).filter((path) => path.endsWith('.fill'));
  if (!(store === 'files' && (isStopped || has('store away'))) && files.length > 0)
    problem(`files are left: ${files.join(' ')}`);
  const mayLeaveUploads = ['kill worker', 'terminate worker', 'store away'] as const;
  // A large fill that moves to another worker leaves its upload to that worker or to the sweeper.
  const mayLeaveLarge = isWindowed && mayMove.some(has);
  if (!mayLeaveLarge && !mayLeaveUploads.some(has) && cluster.store.stored.unfinished > 0)
    problem(`${cluster.store.stored.unfinished} uploads are left`);
  return async () => {
    for (const left of await cluster.close()) problem(left);
  };
}

function chooseReads(random: Random, size: number): BlobReading['reads'] {
  if (random.chance(0.08)) return [];
  if (size === 1 || !random.chance(0.35)) return ['whole'];
  return Array.from({ length: 1 + random(3) }, () => randomRange(random, size));
}

function randomRange(random: Random, size: number): { start: number; end: number } {
  const start = random(size);
  return { start, end: Math.min(size - 1, start + random(size)) };
}

/** Waits for a reading, or for the death of the process, after which its client receives nothing more. */
async function endsWith(owner: { readonly state: string }, reading: Promise<Outcome>): Promise<Outcome> {
  let result: Outcome | undefined;
  void reading.then((outcome) => (result = outcome));
  while (result === undefined && owner.state !== 'dead') await pause(50);
  return result ?? { result: 'gone' };
}

function damageStored({ store: { stored }, shared }: SimulatedCluster, digest: Digest, degree: number): void {
  const bytes = stored.get(digest);
  if (bytes === undefined) return;
  if (degree < 0.15) void shared.index.blobs.remove(digest);
  stored.damage(digest, degree < 0.3 ? undefined : bytes.subarray(0, Math.floor(bytes.length * degree)));
}

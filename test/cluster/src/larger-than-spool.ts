// Fetches a blob much larger than the spool, and kills its worker halfway. One client reads from the start, one starts
// late, and a slow one leaves. All get right bytes, and the spool stays within its limit.
// real-time: reports how long it took; nothing asserts it
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type FakeUpstream, isOfBody, ociTypes, rotatedBody, startFakeUpstream } from '@cistern/fake-upstream';
import type { CacheIndex } from '@cistern/index';
import { type HerdPlan, startHerd } from '@cistern/herds';
import { type Cluster, type ClusterNode, createUntil, startCluster } from '@cistern/test-servers';
import { segmentBytesOf } from '@cistern/oci';
import { assertAllRight } from './assert-all-right.ts';
import { type GeneratingS3, startGeneratingS3 } from './generating-s3/start-generating-s3.ts';
import { openIndex } from './open-index.ts';
import { type ReadCheckpoint, readCheckpoint } from './read-checkpoint.ts';
import { readMetric } from './read-metric.ts';
import { watchUsage } from './watch-usage.ts';

const mebibyte = 1024 * 1024;
const repository = 'library/large';
const seed = 1;
/** Numbers of the clients of the first herd. */
const [first, slow] = [0, 1];

export interface LargerThanSpoolOptions {
  /** Bytes of the blob. */
  readonly size: number;
  /** `worker.spool`: the limits of a worker and of each fill. */
  readonly spool: { readonly maxBytes: number; readonly perFillBytes: number };
  /** The slow reader, which leaves after this many bytes. */
  readonly slow: { readonly bytesPerSecond: number; readonly leavesAfterBytes: number };
  /**
   * The fetched shares of the blob at which another reader starts and the worker is killed. Default for `killAt`: no
   * kill.
   */
  readonly lateAt: number;
  readonly killAt?: number;
  /** Uses a real S3 server. Default: a server that checks parts and generates its bytes. */
  readonly isRealS3?: boolean;
  /** The setting `upstreams.<name>.connectionsperblob`. Default: 1. */
  readonly connections?: number;
}

/** The most that the upstream sends without faults, as a share of the blob, and the additional bytes for each cut. */
const fetchedShare = 1.02;
const cutBytes = 4 * mebibyte;

export async function runLargerThanSpool(t: TestContext, options: LargerThanSpoolOptions): Promise<void> {
  const { size, spool, lateAt, killAt } = options;
  const body = rotatedBody({ size, seed });
  const upstream = await startFakeUpstream();
  t.after(() => upstream.close());
  const digest = addBlob(upstream, body);
  const s3 = options.isRealS3 === true ? undefined : await startGeneratingS3([{ digest, size, seed }]);
  t.after(() => s3?.close());
  const cluster = await openCluster(t, { upstream, s3, options });
  const url = `${cluster.frontends[0]!.url}/v2/${repository}`;
  assert.equal((await fetch(`${url}/manifests/large`)).status, 200);

  const usage = watchUsage(cluster);
  t.after(() => usage.stop());
  const beganAtMs = performance.now();
  const common = { url: `${url}/blobs/${digest}`, size, seed, isRotated: true };
  const plan: HerdPlan = { ...common, clients: 2, special: { [slow]: options.slow } };
  using herd = disposable(startHerd(plan));
  const index = await openIndex(t, cluster);
  const fetching = { cluster, upstream, digest, index };
  const hasFetched = (share: number) =>
    until(
      `${share} of the blob is fetched`,
      async () => {
        assert.deepEqual(
          herd.ends().filter(({ error, wrongAt }) => error !== undefined || wrongAt >= 0),
          [],
        );
        return (await fetchedBytes(fetching)).bytes >= share * size;
      },
      patienceMs,
    );

  await hasFetched(lateAt);
  const latePlan: HerdPlan = { ...common, clients: 1 };
  using late = disposable(startHerd(latePlan));
  const atKill = killAt === undefined ? noKill : await killFilling(fetching, () => hasFetched(killAt));
  await herd.until(() => herd.ends().some(({ client }) => client === first));
  const seconds = (performance.now() - beganAtMs) / 1000;
  const lateEnds = await late.ended();
  herd.hurry();
  assertAllRight(await herd.ended(), plan);
  assertAllRight(lateEnds, latePlan);
  await until('the blob is stored', () => isStored(`${url}/blobs/${digest}`), patienceMs);
  await checkStored(`${url}/blobs/${digest}`, body);

  const fetched = await fetchedBytes(fetching, atKill);
  const figures = await usage.stop();
  const counts = await s3?.counts();
  const gets = upstream.count({ digest, method: 'GET' });
  const cuts = upstream.count({ digest, method: 'GET', outcome: 'aborted' });
  const lines = [
    `${mebibytes(size)} in ${seconds.toFixed(1)} s, ${(size / mebibyte / seconds).toFixed(1)} MiB/s`,
    `spool: at most ${mebibytes(figures.spoolFileBytes)} of files, ${mebibytes(figures.spoolMetricBytes)} by its metric`,
    `memory: ${Object.entries(figures.residentBytes)
      .map(([name, bytes]) => `${name} ${mebibytes(bytes)}`)
      .join(', ')}`,
    `from the upstream: ${times(fetched.bytes)} for the blob, ${times(fetched.sideBytes)} by side reads, in ${gets} GETs, ${cuts} of them cut`,
  ];
  const { checkpoint } = atKill;
  if (killAt !== undefined)
    lines.push(
      `before the kill: ${times(atKill.bytes)} and ${times(atKill.sideBytes)}, of those ${times(checkpoint.storedBytes)} and ${times(checkpoint.sideBytes)} in the checkpoint`,
    );
  if (counts !== undefined)
    lines.push(
      `store: ${times(counts.partBytes)} in ${counts.parts} parts, ${times(counts.readBytes)} read, ${counts.uploads} unfinished uploads`,
    );
  t.diagnostic(lines.join('\n'));
  // The space of a file that is being removed is freed first.
  assert.ok(
    figures.spoolFileBytes <= spool.maxBytes + segmentBytesOf(size),
    `${figures.spoolFileBytes} bytes in the spool`,
  );
  assert.ok(figures.spoolMetricBytes <= spool.maxBytes, `${figures.spoolMetricBytes} bytes of the spool are reserved`);
  assert.deepEqual(counts?.faults ?? [], []);
  // A successor continues from the last checkpoint.
  const most = fetchedShare * size + cuts * cutBytes + atKill.bytes - checkpoint.storedBytes;
  assert.ok(fetched.bytes <= most, `${fetched.bytes} bytes from the upstream for the blob; the limit is ${most}`);
  // The successor does not know the bytes that were read alongside the fill since the checkpoint.
  const sinceBytes = atKill.sideBytes - checkpoint.sideBytes;
  assert.ok(fetched.sideBytes <= size + sinceBytes, `${fetched.sideBytes} bytes by side reads`);

  function times(bytes: number): string {
    return `${(bytes / size).toFixed(3)} times`;
  }
}

function addBlob(upstream: FakeUpstream, body: ReturnType<typeof rotatedBody>) {
  const { digest, size } = upstream.addBody(repository, body);
  const config = { mediaType: ociTypes.config, ...upstream.addBlob(repository, Buffer.from('{}')) };
  const layers = [{ mediaType: ociTypes.layer, digest, size }];
  const { manifest: mediaType } = ociTypes;
  upstream.addManifest(repository, { schemaVersion: 2, mediaType, config, layers }, { mediaType, tag: 'large' });
  return digest;
}

interface Stage {
  readonly upstream: FakeUpstream;
  readonly s3: GeneratingS3 | undefined;
  readonly options: LargerThanSpoolOptions;
}

async function openCluster(t: TestContext, { upstream, s3, options }: Stage): Promise<Cluster> {
  const { maxBytes, perFillBytes } = options.spool;
  const cluster = await startCluster({
    frontends: 1,
    workers: 2,
    upstreams: { 'docker.io': upstream.url },
    ...(s3 !== undefined && { s3 }),
    config: {
      worker: { spool: { maxbytes: maxBytes, perfill: perFillBytes } },
      upstreams: { 'docker.io': { connectionsperblob: options.connections ?? 1 } },
    },
  });
  t.after(async () => {
    const { CISTERN_TEST_LOGS: directory } = process.env;
    if (directory !== undefined) await keepLogs(directory, cluster, upstream);
    await cluster.close();
  });
  return cluster;
}

/** Keeps the logs of the nodes and the list of requests to the upstream. */
async function keepLogs(directory: string, { frontends, workers }: Cluster, upstream: FakeUpstream): Promise<void> {
  for (const { name, log } of [...frontends, ...workers])
    await writeFile(join(directory, `${name}.log`), log().join('\n'));
  const requests = upstream
    .requests()
    .map(({ startedAtMs, endedAtMs, method, path, range, bytesSent, outcome }) =>
      JSON.stringify({ startedAtMs, endedAtMs, method, path, range, bytesSent, outcome }),
    );
  await writeFile(join(directory, 'upstream.log'), requests.join('\n'));
}

interface Fetching {
  readonly cluster: Cluster;
  readonly upstream: FakeUpstream;
  readonly index: CacheIndex;
  readonly digest: string;
}

/** Bytes of the blob that the upstream has sent. */
interface Fetched {
  /** Bytes without those of side reads. */
  readonly bytes: number;
  readonly sideBytes: number;
}

const until = createUntil(100);
/** A limit that only prevents a hang. */
const patienceMs = 4 * 3_600_000;
const noKill: AtKill = { bytes: 0, sideBytes: 0, checkpoint: { storedBytes: 0, sideBytes: 0 } };

interface AtKill extends Fetched {
  readonly checkpoint: ReadCheckpoint;
}

/** Kills the filling worker. Resolves to the bytes fetched before the kill. */
async function killFilling(fetching: Fetching, reached: () => Promise<void>): Promise<AtKill> {
  await reached();
  let filling: ClusterNode | undefined;
  for (const worker of fetching.cluster.workers)
    if ((await readMetric([worker], 'cistern_fills_in_flight')) > 0) filling = worker;
  assert.ok(filling !== undefined, 'the blob was fetched before its worker could be killed');
  const checkpoint = await readCheckpoint(fetching.index, fetching.digest);
  const sideBytes = await readSideBytes(filling);
  await filling.kill();
  return { bytes: fetching.upstream.bytesSent(fetching.digest) - sideBytes, sideBytes, checkpoint };
}

/** `atKill` holds the bytes of the killed worker. */
async function fetchedBytes({ cluster, upstream, digest }: Fetching, atKill: Fetched = noKill): Promise<Fetched> {
  let { sideBytes } = atKill;
  for (const worker of cluster.workers) if (worker.isRunning()) sideBytes += await readSideBytes(worker);
  return { bytes: upstream.bytesSent(digest) - sideBytes, sideBytes };
}

async function readSideBytes(worker: ClusterNode): Promise<number> {
  return readMetric([worker], 'cistern_fill_side_bytes_total');
}

async function isStored(url: string): Promise<boolean> {
  const answer = await fetch(url, { method: 'HEAD' });
  return answer.headers.get('x-cache') === 'HIT';
}

/** Checks the bytes at the beginning, in the middle and at the end. */
async function checkStored(url: string, body: ReturnType<typeof rotatedBody>): Promise<void> {
  for (const at of [0, Math.floor(body.size / 2), body.size - mebibyte]) {
    const answer = await fetch(url, { headers: { range: `bytes=${at}-${at + mebibyte - 1}` } });
    assert.equal(answer.status, 206);
    const bytes = Buffer.from(await answer.arrayBuffer());
    assert.ok(bytes.length === mebibyte && isOfBody(body, at, bytes), `the stored bytes at ${at}`);
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / mebibyte)} MiB`;
}

function disposable(herd: ReturnType<typeof startHerd>) {
  return { ...herd, [Symbol.dispose]: () => herd.close() };
}

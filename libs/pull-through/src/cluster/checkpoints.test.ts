// A large fill resumes from its checkpoint on another worker, with the uploaded parts.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { bytesOf } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { startHalfway } from '../testing/start-halfway.ts';
import type { TestClusterOptions } from '../testing/start-test-cluster.ts';

const segmentBytes = 64 * 1024;
const size = 64 * segmentBytes;
const perFillBytes = 6 * segmentBytes;
/** The bytes that the upstream sends first, in chunks of a segment. */
const sentBytes = Math.floor(0.6 * 64) * segmentBytes;

/** Starts a cluster in which readers have 60 % of a large blob, and the record of its fill has a checkpoint. */
async function start(t: TestContext, options: TestClusterOptions = {}) {
  const started = await startHalfway(t, { ...options, size, perFillBytes, leastSegmentBytes: segmentBytes });
  const { hub, index, digest, stored } = started;
  const given = [0, 0];
  let limit = sentBytes;
  let resumed = Promise.withResolvers<void>();
  /** Lets the upstream send up to this offset. */
  const sendTo = (bytes: number) => {
    limit = bytes;
    resumed.resolve();
    resumed = Promise.withResolvers();
  };
  t.after(() => sendTo(Infinity));
  hub.script.gated = false;
  // The upstream sends at the pace of the readers, so no byte has to be fetched twice for them.
  hub.script.onChunk = async ({ from = 0 }, sent) => {
    const position = from + sent;
    await until(() => given.every((bytes) => bytes >= position - 3 * segmentBytes));
    while (position >= limit) await resumed.promise;
  };
  const readAll = async (frontend: number) => {
    const chunks: Buffer[] = [];
    const stream = await started.read(frontend);
    try {
      for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) {
        chunks.push(Buffer.from(chunk));
        given[frontend]! += chunk.length;
      }
      return Buffer.concat(chunks);
    } finally {
      stream.close();
    }
  };
  const reading = given.map((_, frontend) => readAll(frontend));
  await until(() => given.every((bytes) => bytes === sentBytes));
  const checkpoint = async () => (await index.fills.read(digest))?.checkpoint;
  /** Returns the number of segments in the newest checkpoint. */
  const reached = async () => {
    const { crcs = '' } = JSON.parse((await checkpoint())?.replace(/^[^.]*\./, '') ?? '{}') as { crcs?: string };
    return Buffer.from(crcs, 'base64url').length / 4;
  };
  await until(async () => (await reached()) === Math.floor(sentBytes / segmentBytes));
  const before = started.upstreamBytes();
  assert.equal(before, sentBytes);
  return {
    ...started,
    reading,
    sendTo,
    checkpoint,
    reached,
    /** Lets the upstream send the rest. All readers get the right bytes, and the store has them. */
    async finish() {
      sendTo(Infinity);
      for (const body of await Promise.all(reading)) assert.ok(body.equals(started.bytes));
      await until(async () => (await index.blobs.get(digest))?.verified === true);
      assert.ok(Buffer.from(stored.blobs.get(digest)!.bytes).equals(started.bytes));
      assert.equal((await index.blobs.get(digest))?.table?.crcs.length, 64);
      await started.nothingLeft();
    },
    assertFew(bytes = 1.02 * size + 2 * perFillBytes) {
      const sent = started.upstreamBytes();
      assert.ok(sent <= bytes, `${sent / size} of the blob came from upstream`);
    },
  };
}

test('the next worker resumes a fill whose worker was killed at 60 %, with the same upload', async (t) => {
  const started = await start(t);
  const [upload] = started.stored.uploads.keys();
  await started.workers[0]!.kill();
  await until(async () => (await started.index.fills.read(started.digest))?.address === started.workers[1]!.address);
  assert.deepEqual([...started.stored.uploads.keys()], [upload]);
  await started.finish();
  started.assertFew();
  t.diagnostic(`${started.upstreamBytes() / size} of the blob came from upstream`);
  assert.equal(started.stored.uploads.size, 0);
});

test('a restarted worker resumes its own fill from the checkpoint', async (t) => {
  const started = await start(t, { workers: 1 });
  await started.workers[0]!.kill();
  await started.workers[0]!.restart();
  await started.finish();
  started.assertFew();
});

test('a worker that shuts down hands over a large fill with its upload', async (t) => {
  const started = await start(t);
  const [upload] = started.stored.uploads.keys();
  await started.workers[0]!.terminate(10_000);
  assert.deepEqual([...started.stored.uploads.keys()], [upload]);
  await started.finish();
  started.assertFew();
});

test('a fill from an upstream without ranges fetches the whole blob and skips the stored parts', async (t) => {
  const started = await start(t);
  started.hub.script.ranges = false;
  await started.workers[0]!.kill();
  await started.finish();
  started.assertFew(1.7 * size);
});

test('a checkpoint survives the loss of the index', async (t) => {
  const started = await start(t);
  started.shared.loseData();
  await until(async () => (await started.reached()) > 0);
  await started.workers[0]!.kill();
  await started.finish();
  started.assertFew();
});

test('a fill does not resume from a checkpoint that no node of this cluster has signed', async (t) => {
  const started = await start(t);
  const { index, digest, workers } = started;
  const held = workers[0]!.process.hold('fills.heartbeat');
  await held.reached;
  const record = (await index.fills.read(digest))!;
  const forged = record.checkpoint!.replace(/"crcs":"..../, '"crcs":"AAAA');
  assert.notEqual(forged, record.checkpoint);
  await index.fills.running(digest, record.owner, size, { checkpoint: forged });
  await workers[0]!.kill();
  await started.finish();
  assert.ok(started.upstreamBytes() > 1.5 * size);
});

test('a fill restarts at 0 if the upload is missing, or a part is missing or different', async (t) => {
  for (const harm of ['gone', 'other part', 'no part'] as const) {
    const started = await start(t);
    const [[id, parts]] = started.stored.uploads as unknown as [[string, Map<number, Uint8Array>]];
    await started.workers[0]!.kill();
    if (harm === 'gone') started.stored.uploads.delete(id);
    else if (harm === 'no part') parts.delete(3);
    else parts.set(3, bytesOf(segmentBytes));
    await started.finish();
    assert.ok(started.upstreamBytes() > 1.5 * size, harm);
  }
});

test('a frozen worker that wakes up and overwrites a part creates no wrong blob', async (t) => {
  const started = await start(t);
  const { workers, stored, index, digest } = started;
  await workers[0]!.freeze();
  await until(async () => (await index.fills.read(digest))?.address === workers[1]!.address);
  await until(async () => (await started.reached()) > 0);
  const [[, parts]] = stored.uploads as unknown as [[string, Map<number, Uint8Array>]];
  started.sendTo(0.8 * size);
  await until(() => parts.size > 45);
  // Simulates a request that was in flight when the worker froze.
  parts.set(42, bytesOf(segmentBytes));
  await workers[0]!.wake();
  started.sendTo(Infinity);
  for (const body of await Promise.all(started.reading)) assert.ok(body.equals(started.bytes));
  started.assertFew();
  // The store rejects the blob for as long as its worker retries.
  await delay(60_000);
  await started.nothingLeft();
  assert.ok(!stored.blobs.has(digest) || Buffer.from(stored.blobs.get(digest)!.bytes).equals(started.bytes));
});

test('a frozen worker that wakes up leaves the upload to the next worker', async (t) => {
  const started = await start(t);
  const { workers, index, digest } = started;
  await workers[0]!.freeze();
  await until(async () => (await index.fills.read(digest))?.address === workers[1]!.address);
  started.sendTo(0.8 * size);
  await until(async () => (await started.reached()) > 45);
  await workers[0]!.wake();
  await until(() => workers[0]!.fills.size === 0);
  assert.equal(started.stored.uploads.size, 1);
  await started.finish();
  started.assertFew();
  assert.equal(started.stored.uploads.size, 0);
});

test('a fill that fails aborts its upload, even with a checkpoint', async (t) => {
  const { hub, reading, sendTo, stored, workers } = await start(t);
  const gone = new CacheError('upstream-unreachable', 'gone');
  hub.script.down = gone;
  hub.script.onChunk = () => {
    throw gone;
  };
  sendTo(Infinity);
  for (const { status } of await Promise.allSettled(reading)) assert.equal(status, 'rejected');
  await until(() => stored.uploads.size === 0 && workers.every(({ fills }) => fills.size === 0));
});

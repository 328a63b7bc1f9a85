// A worker is lost after it has fetched nearly all of a blob that is larger than the spool space of its fill. No reader reads a
// byte twice, and no reader gets a mix of different bytes.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { library } from '../testing/start-halfway.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const size = 24 * mebibyte;
const late = 22 * mebibyte;
const bytes = bytesOf(size);

/** Starts a fill whose upstream stops at `stopAt` until `resume` is called. */
async function startLate(t: TestContext, { stopAt = late, perFillBytes = 2 * mebibyte } = {}) {
  const store = { bytesRead: 0 };
  const wrapStore = (inner: BlobStore): BlobStore => ({
    ...inner,
    async open(...given) {
      const reader = await inner.open(...given);
      return (
        reader && {
          ...reader,
          async read(into) {
            const length = await reader.read(into);
            store.bytesRead += length;
            return length;
          },
        }
      );
    },
  });
  const room = { leastSegmentBytes: 256 * kibibyte, perFillBytes, spoolBytes: () => 2 * perFillBytes };
  const cluster = await startTestCluster(t, { ...room, wrapStore });
  const { hub, frontends, workers, index, stored } = cluster;
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size, mediaType: 'layer' }]);
  const peak = { spoolBytes: 0 };
  const passed = Promise.withResolvers<void>();
  hub.script.onChunk = async ({ from = 0 }, position) => {
    for (const { spools } of workers) peak.spoolBytes = Math.max(peak.spoolBytes, spools.usedBytes);
    if (from + position >= stopAt) await passed.promise;
    // Slow enough for readers to keep up.
    await delay(1);
  };
  const read = async (frontend: number) => {
    const blob = await frontends[frontend]!.cache.openBlob({ ...library, digest, intent: 'whole' });
    return blob.read();
  };
  /** Reads `late` bytes, and returns a function that reads the rest. */
  const readLate = async (frontend: number) => {
    const stream = await read(frontend);
    const chunks: Buffer[] = [];
    for (let received = 0; received < late;) {
      const chunk = (await stream.next())!;
      received += chunk.length;
      chunks.push(Buffer.from(chunk));
    }
    return async () => Buffer.concat([...chunks, await collect(stream)]);
  };
  return {
    ...cluster,
    digest,
    peak,
    resume: passed.resolve,
    read,
    readLate,
    upstreamBytes: () => hub.gets.reduce((sum, { sent }) => sum + sent, 0),
    readBytes: () => store.bytesRead + workers.reduce((sum, { sent }) => sum + sent.bytes, 0),
    isStored: () => stored.blobs.get(digest)?.bytes.length === size,
    async nothingLeft() {
      await until(() => workers.every(({ fills, spools }) => fills.size === 0 && spools.usedBytes === 0));
      await until(() => frontends.every(({ reads, pool }) => reads.windows === 0 && pool.usedBytes === 0));
    },
  };
}

const isMismatch = (error: unknown) => isCacheError(error, 'content-mismatch');

test('readers of the lost worker verify their bytes by the checksum table, and read no byte twice', async (t) => {
  const { resume, workers, readLate, upstreamBytes, readBytes, isStored, peak, nothingLeft } = await startLate(t);
  const rest = await readLate(0);
  await workers[0]!.kill();
  resume();
  assert.ok((await rest()).equals(bytes));
  assert.ok(readBytes() <= size + mebibyte, `${readBytes() / size} of the blob was read`);
  await until(isStored);
  const share = upstreamBytes() / size;
  // The successor has no more spool space ahead of its readers. Bytes beyond that space come by side reads.
  assert.ok(share <= 1.02 + late / size + 1 / 12, `${share} of the blob came from upstream`);
  assert.ok(peak.spoolBytes <= 4 * mebibyte, `${peak.spoolBytes} bytes of spool`);
  await nothingLeft();
});

test('no reader gets an end if the successor fetches other bytes than the reader has read', async (t) => {
  const { hub, resume, workers, readLate, isStored, index, digest } = await startLate(t);
  const rest = await readLate(0);
  hub.script.bend = ({ from = 0, toExclusive }) => {
    const other = Buffer.from(bytes);
    other[1_000_000]! ^= 1;
    return { bytes: other.subarray(from, toExclusive), totalSize: size };
  };
  await workers[0]!.kill();
  resume();
  await assert.rejects(rest(), isMismatch);
  assert.equal(isStored(), false);
  assert.equal(await index.blobs.get(digest), undefined);
});

test('readers of wrong bytes get no end, although the stored blob is right', async (t) => {
  const { hub, resume, workers, readLate, isStored, read, nothingLeft } = await startLate(t);
  hub.script.bend = () => {
    const other = Buffer.from(bytes);
    other[1_000_000]! ^= 1;
    return { bytes: other };
  };
  const rest = await readLate(0);
  hub.script.bend = undefined;
  await workers[0]!.kill();
  resume();
  await assert.rejects(rest(), isMismatch);
  await until(isStored);
  assert.ok((await read(1).then(collect)).equals(bytes));
  await nothingLeft();
});

test('a worker that shuts down hands over its remaining bytes, and early and late readers get the right bytes', async (t) => {
  const { resume, workers, read, readLate, upstreamBytes, isStored, nothingLeft } = await startLate(t);
  const rest = await readLate(0);
  const ended = workers[0]!.terminate(1_000);
  const early = read(1).then(collect);
  resume();
  for (const body of [await rest(), await early]) assert.ok(body.equals(bytes));
  await ended;
  await until(isStored);
  const share = upstreamBytes() / size;
  // Bytes outside the window are fetched again, and at most once more for the late reader.
  assert.ok(share <= 3, `${share} of the blob came from upstream`);
  await nothingLeft();
});

test('one GET serves many readers, and a worker killed halfway costs half a blob more', async (t) => {
  for (const isKilled of [false, true]) {
    const started = await startLate(t, { stopAt: size / 2, ...(isKilled && { perFillBytes: size }) });
    const { hub, workers, read, upstreamBytes, isStored, nothingLeft, resume } = started;
    const herd = Array.from({ length: 12 }, (_, at) => read(at % 2).then(collect));
    await until(() => upstreamBytes() === size / 2);
    if (isKilled) await workers[0]!.kill();
    resume();
    for (const body of await Promise.all(herd)) assert.ok(body.equals(bytes));
    await until(isStored);
    const share = upstreamBytes() / size;
    assert.ok(share <= (isKilled ? 1.52 : 1), `${share} of the blob came from upstream`);
    if (!isKilled) assert.equal(hub.gets.length, 1);
    await nothingLeft();
  }
});

// Many clients, an upstream, a store and announcements that fail at random, all at once. Whatever happens, a client gets
// the right bytes or an error, nothing wrong is ever stored, and in the end nothing is left open.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { putBytes } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';
import type { BlobStream } from './pull-through.ts';
import {
  type Faults,
  type Random,
  type SimulatedBlob as Blob,
  createRandom,
  spoilIndex,
  spoilStore,
  spoilUpstream,
} from './testing/simulated-faults.ts';
import { repositoryOf, startTestCache } from './testing/start-test-cache.ts';
import { bytesOf, collect, until } from './testing/test-bytes.ts';

const holders = [repositoryOf('docker.io', 'library/nginx'), repositoryOf('docker.io', 'library/redis')];
const stranger = repositoryOf('docker.io', 'someone/else');
const mebibyte = 1024 * 1024;
const sizes = [0, 1, 65_536, 65_537, 262_144, 900_000, 2_500_000, 4_200_000, 7_000_000, 13_000_000];
const clients = 160;

type Started = Awaited<ReturnType<typeof startTestCache>>;

async function simulate(t: TestContext, seed: number): Promise<void> {
  const random = createRandom(seed);
  const faults: Faults = { on: false, random };
  const counts = { subscriptions: 0 };
  const root = await mkdtemp(join(tmpdir(), 'cistern-simulation-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const started = await startTestCache({
    store: 'fs',
    root,
    realTime: true,
    readBufferBytes: 4 * mebibyte,
    spoolBytes: 30 * mebibyte,
    maxWholeForRangeBytes: 6 * mebibyte,
    wrapStore: (inner) => spoilStore(inner, faults),
    wrapIndex: (inner) => spoilIndex(inner, faults, counts),
  });
  t.after(() => started.close());
  const { hub, index, store, fills, spools, pool, reads } = started;
  const blobs = sizes.map((size, i): Blob => {
    const bytes = bytesOf(size, seed * 100 + i);
    for (const { repository } of holders) hub.addBlob(repository, bytes);
    return { digest: digestOf(bytes), bytes, lied: random(2) === 0 };
  });
  for (const key of holders)
    for (const { digest, bytes } of blobs)
      if (random(2) === 0)
        await index.links.put(key, [{ ...key, digest, kind: 'blob', size: bytes.length, mediaType: 'layer' }]);
  spoilUpstream(hub, blobs, faults);

  const filesBefore = await countOpenFiles();
  faults.on = true;
  try {
    const damaging = damage(started, blobs, faults);
    await Promise.all(
      Array.from({ length: clients }, async (_, i) => {
        await delay(random(1_200));
        await Promise.race([beClient(started, blobs, random), hang(`client ${i}`)]);
      }),
    );
    faults.on = false;
    await damaging;
  } finally {
    faults.on = false;
  }

  for (const { digest, bytes } of blobs) {
    const read = async () => {
      const blob = await started.cache.openBlob({ ...holders[0]!, digest, intent: 'whole' });
      assert.ok((await collect(await blob.read())).equals(bytes));
      return true;
    };
    // The first may still join a fill that has been lied to, and a no of upstream is remembered for two seconds.
    await until(() => read().catch(() => false));
  }
  await until(() => fills.size === 0 && spools.usedBytes === 0);
  assert.deepEqual(
    { windows: reads.windows, buffers: pool.usedBytes, ...counts },
    { windows: 0, buffers: 0, subscriptions: 0 },
  );
  for await (const { digest } of store.list()) {
    const reader = await store.open(digest);
    assert.equal(await digestRead(reader!, digest), digest, 'what is stored is what its digest says');
  }
  await until(async () => (await countOpenFiles()) <= filesBefore);
  assert.deepEqual(await readdir(store.spoolDirectory!), []);
}

async function beClient(started: Started, blobs: readonly Blob[], random: Random): Promise<void> {
  const { cache } = started;
  const blob = blobs[random(blobs.length)]!;
  const { digest, bytes } = blob;
  const isStranger = random(8) === 0;
  const key = isStranger ? stranger : holders[random(holders.length)]!;
  const leaving = new AbortController();
  if (random(4) === 0) setTimeout(() => leaving.abort(new Error('simulated: the client left')), random(60));
  const intent = (['whole', 'whole', 'ranges', 'ranges', 'stat'] as const)[random(5)]!;
  try {
    const opened = await cache.openBlob({ ...key, digest, intent, signal: leaving.signal });
    assert.ok(!isStranger, 'a stranger was let in');
    // Where no manifest says it, upstream may lie about the size too; then there are no bytes to it.
    if (opened.size !== bytes.length) {
      await assert.rejects(async () => collect(await opened.read()));
      return;
    }
    if (intent === 'whole') await readAndCheck(await opened.read(), blob, 0, bytes.length, random);
    if (intent !== 'ranges' || bytes.length === 0) return;
    for (let reads = 1 + random(3); reads > 0; reads -= 1) {
      const start = random(bytes.length);
      const lengths = [bytes.length, 1, 1 + random(100), 1 + random(2 * mebibyte), 1 + random(6 * mebibyte)];
      const end = Math.min(bytes.length - 1, start + lengths[random(lengths.length)]! - 1);
      await readAndCheck(await opened.read({ start, end }), blob, start, end + 1, random);
    }
  } catch (error) {
    if (isCacheError(error) || (error instanceof Error && error.message.startsWith('simulated'))) return;
    throw error;
  }
}

/** Takes the chunks at some pace, perhaps not to the end. */
async function readAndCheck(
  stream: BlobStream,
  { bytes, lied }: Blob,
  from: number,
  toExclusive: number,
  random: Random,
): Promise<void> {
  const leaveAfter = random(5) === 0 ? random(10) : Infinity;
  const pauses = random(3) === 0;
  const sums: boolean[] = [];
  let position = from;
  try {
    for (let chunks = 0; chunks < leaveAfter; chunks += 1) {
      const chunk = await stream.next();
      if (chunk === undefined) {
        assert.equal(position, toExclusive, 'a body ended cleanly before its end');
        const isVerified = toExclusive === bytes.length && (from === 0 || toExclusive - from > 4 * mebibyte);
        assert.ok(!sums.includes(false) || (lied && !isVerified), 'a body that ended cleanly was wrong');
        return;
      }
      // A socket takes its time, and must find the same bytes when it comes to them.
      if (pauses && random(2) === 0) await delay(random(5) === 0 ? random(600) : random(10));
      sums.push(bytes.subarray(position, position + chunk.length).equals(chunk));
      position += chunk.length;
      assert.ok(position <= toExclusive, 'a body was too long');
    }
  } finally {
    stream.close();
  }
}

/** Removes and cuts short what is stored, now and then. */
async function damage({ store }: Started, blobs: readonly Blob[], faults: Faults): Promise<void> {
  while (faults.on) {
    await delay(40);
    const { digest, bytes } = blobs[faults.random(blobs.length)]!;
    if ((await store.stat(digest)) === undefined) continue;
    if (faults.random(2) === 0) await store.remove(digest);
    else await putBytes(store, digest, bytes.subarray(0, faults.random(bytes.length)));
  }
}

async function hang(who: string): Promise<never> {
  await delay(60_000, undefined, { ref: false });
  throw new Error(`${who} hangs`);
}

async function countOpenFiles(): Promise<number> {
  return (await readdir('/proc/self/fd')).length;
}

async function digestRead(
  reader: { read(into: Uint8Array): Promise<number>; close(): Promise<void> },
  digest: Digest,
): Promise<Digest> {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(mebibyte);
  for (let length = await reader.read(buffer); length > 0; length = await reader.read(buffer))
    chunks.push(Buffer.from(buffer.subarray(0, length)));
  await reader.close();
  return digestOf(Buffer.concat(chunks), digestAlgorithm(digest));
}

for (const seed of [1, 2, 3])
  test(`right bytes or an error, and nothing left behind (seed ${seed})`, (t) => simulate(t, seed));

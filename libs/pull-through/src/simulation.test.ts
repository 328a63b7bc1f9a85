// Many clients, an upstream, a store and announcements that fail at random, all at once. Whatever happens, a client gets
// the right bytes or an error, nothing wrong is ever stored, and in the end nothing is left open.
import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { putBytes } from '@cistern/blob-store';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';
import { holders, simulateClient } from './testing/simulated-clients.ts';
import {
  type Faults,
  type SimulatedBlob as Blob,
  createRandom,
  spoilIndex,
  spoilStore,
  spoilUpstream,
} from './testing/simulated-faults.ts';
import { startTestCache } from './testing/start-test-cache.ts';
import { bytesOf, collect, until } from './testing/test-bytes.ts';

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
        await Promise.race([simulateClient(started.cache, blobs, random), hang(`client ${i}`)]);
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

// Damages a stored blob at various places. A checked read of the whole blob never ends cleanly, and the next read is right.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { startTestCache } from '../testing/start-test-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const size = 1_300_000;
const leastSegmentBytes = 540_000;
const bytes = bytesOf(size);
const segments = [0, 540_000, 1_080_000].map((from) => ({ from, end: Math.min(size, from + leastSegmentBytes) }));
const places = segments.flatMap(({ from, end }) => [from, Math.floor((from + end) / 2), end - 1]);

function flipped(at: number): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[at]! ^= 1;
  return wrong;
}

const damages: readonly (readonly [name: string, make: (at: number) => Buffer])[] = [
  ['flipped', flipped],
  ['cut', (at) => bytes.subarray(0, at)],
  ['lengthened', (at) => Buffer.concat([bytes.subarray(0, at), Buffer.from([7]), bytes.subarray(at)])],
  ['shifted', (at) => Buffer.concat([bytes.subarray(0, at), Buffer.from([7]), bytes.subarray(at, -1)])],
];

async function start(t: TestContext, store: 'memory' | 'fs') {
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const started = await startTestCache({ store, leastSegmentBytes, log });
  t.after(() => started.close());
  const { cache, restartFrontend, hub, index, store: blobs, clock } = started;
  const digest = hub.addBlob(library.repository, bytes);
  const read = async (from: typeof cache, client?: string) =>
    collect(await (await from.openBlob({ ...library, digest, intent: 'whole', client })).read());
  const healed = async () => until(async () => (await index.blobs.get(digest))?.verified === true);
  await read(cache);
  await healed();
  return { read, restartFrontend, hub, index, blobs, clock, digest, healed };
}

for (const store of ['memory', 'fs'] as const)
  for (const isHashed of [false, true])
    test(`a damaged blob has no clean end, and the next read is right (${store}, ${isHashed ? 'hashed' : 'by its table'})`, async (t) => {
      const { read, restartFrontend, hub, index, blobs, clock, digest, healed } = await start(t, store);
      // GETs with a range do not count, because a reader that is far into the blob gets the rest by such GETs first.
      const wholeGets = () => hub.gets.filter(({ from }) => from === undefined).length;
      for (const [name, make] of damages)
        for (const at of places) {
          if (name === 'shifted' && at === size - 1) continue;
          const damage = `${name} at ${at}`;
          if (isHashed) await index.blobs.put({ ...(await index.blobs.get(digest))!, table: undefined });
          else assert.ok((await read(restartFrontend())).equals(bytes), damage);
          assert.equal((await index.blobs.get(digest))?.table?.crcs.length, isHashed ? undefined : 3, damage);
          const gets = wholeGets();
          clock.nowMs += 1;
          await putBytes(blobs, digest, make(at));
          const frontend = restartFrontend();
          await read(frontend, 'a').then(
            (got) => assert.ok(got.equals(bytes), damage),
            (error) => assert.ok(isCacheError(error, 'content-mismatch'), damage),
          );
          assert.ok((await read(frontend, 'a')).equals(bytes), `the read after ${damage}`);
          assert.equal(wholeGets(), gets + 1, damage);
          await healed();
        }
    });

test('a read from the middle of a segment is checked from the start of the segment', async (t) => {
  const { read, restartFrontend, blobs, clock, digest } = await start(t, 'memory');
  for (const [from, isInOnePiece] of [
    [550_000, false],
    [700_000, true],
  ] as const) {
    const frontend = restartFrontend();
    assert.ok((await read(frontend, 'a')).equals(bytes));
    await putBytes(blobs, digest, flipped(540_000));
    clock.nowMs += 1001;
    const blob = await frontend.openBlob({ ...library, digest, intent: 'whole', client: 'a' });
    const reading = blob.read({ start: from, end: size - 1 }).then(collect);
    // No byte of the wrong segment was sent, so the rest can come from a fill.
    if (isInOnePiece) assert.ok((await reading).equals(bytes.subarray(from)));
    else await assert.rejects(reading, (error) => isCacheError(error, 'content-mismatch'));
    assert.ok((await read(frontend, 'a')).equals(bytes));
  }
});

test('a read that a client repeats is checked, unless the blob was checked within a second', async (t) => {
  const { read, restartFrontend, blobs, clock, digest } = await start(t, 'memory');
  const frontend = restartFrontend();
  assert.ok((await read(frontend, 'a')).equals(bytes), 'the first read of a blob is checked');
  const wrong = flipped(540_000);
  await putBytes(blobs, digest, wrong);
  clock.nowMs += 1000;
  assert.ok((await read(frontend, 'a')).equals(wrong));
  clock.nowMs += 1;
  await assert.rejects(read(frontend, 'a'), (error) => isCacheError(error, 'content-mismatch'));
});

test('a wrong checksum table fails one read, and is computed again', async (t) => {
  const { read, restartFrontend, hub, index, digest } = await start(t, 'memory');
  await index.blobs.markVerified(digest, { segmentBytes: leastSegmentBytes, crcs: [1, 2, 3] });
  const frontend = restartFrontend();
  await assert.rejects(read(frontend), (error) => isCacheError(error, 'content-mismatch'));
  assert.ok((await read(frontend)).equals(bytes));
  assert.notDeepEqual((await index.blobs.get(digest))?.table?.crcs, [1, 2, 3]);
  assert.equal(hub.gets.length, 1, 'the stored object was right');
});

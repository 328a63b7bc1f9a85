// Checks disk space before a fill's first byte. A rejected fill costs the upstream nothing, and a started fill gets all its bytes.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { type Digest, digestOf } from '@cistern/oci';
import { createDiskRoom, type DiskRoomOptions, noMinFree } from '@cistern/fills';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const mebibyte = 1024 * 1024;

async function startOnDisk(t: TestContext, freeBytes: number, options: Partial<DiskRoomOptions> = {}) {
  const disk = createDiskRoom({
    name: 'The disk',
    minFree: noMinFree,
    space: async () => ({ freeBytes: freeBytes - written(), totalBytes: 100 * mebibyte }),
    ...options,
  });
  const started = await startTestCache({ store: 'fs', disk });
  const written = () => [...started.fills.all()].reduce((sum, { presentBytes }) => sum + presentBytes, 0);
  t.after(() => started.close());
  const open = (digest: Digest) => started.cache.openBlob({ ...library, digest, intent: 'whole' });
  return { ...started, open };
}

const isRefused = (error: unknown) => isCacheError(error, 'store-unavailable') && /The disk/.test(error.message);

test('a blob of known size that does not fit causes no request to upstream', async (t) => {
  const { hub, index, open } = await startOnDisk(t, 3 * mebibyte);
  const bytes = bytesOf(4 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length }]);
  for (let tries = 0; tries < 3; tries += 1) await assert.rejects(open(digest), isRefused);
  assert.equal(hub.gets.length, 0);
});

test('nothing is evicted for a size that only a manifest claims', async (t) => {
  const wanted: number[] = [];
  const { index, open } = await startOnDisk(t, 3 * mebibyte, {
    heldBytes: async () => 50 * mebibyte,
    want: async (bytes) => void wanted.push(bytes),
  });
  const digest = digestOf(Buffer.from('missing at upstream'));
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: 40 * mebibyte }]);
  await assert.rejects(open(digest), (error) => isCacheError(error, 'blob-unknown'));
  assert.deepEqual(wanted, []);
});

test('a blob of unknown size that does not fit is rejected before its body is read', async (t) => {
  const { hub, open, spools } = await startOnDisk(t, 3 * mebibyte);
  const digest = hub.addBlob(library.repository, bytesOf(4 * mebibyte));
  await assert.rejects(open(digest), isRefused);
  await until(() => hub.gets[0]?.closed === true);
  assert.deepEqual([hub.gets.length, hub.gets[0]!.sent], [1, 0]);
  await until(() => spools.usedBytes === 0);
});

test('space that a fill in flight still needs is not given to another fill', async (t) => {
  const { hub, open, spools } = await startOnDisk(t, 5 * mebibyte);
  const [first, second] = [bytesOf(3 * mebibyte, 1), bytesOf(3 * mebibyte, 2)];
  const [early, late] = [hub.addBlob(library.repository, first), hub.addBlob(library.repository, second)];
  hub.script.gated = true;
  const blob = await open(early);
  await assert.rejects(open(late), isRefused);
  hub.allow(10 * mebibyte);
  assert.ok((await collect(await blob.read())).equals(first));
  await until(() => spools.usedBytes === 0);
  const again = await open(late);
  assert.ok((await collect(await again.read())).equals(second));
});

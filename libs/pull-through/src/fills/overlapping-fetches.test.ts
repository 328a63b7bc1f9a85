// Two upstream bodies may bring the same part of a blob, and one of them may lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const mebibyte = 1024 * 1024;

test('what has been hashed is what is stored, whoever else brings the same bytes', async (t) => {
  const started = await startTestCache({ store: 'fs' });
  t.after(() => started.close());
  const { cache, hub, index, store, spools } = started;
  const bytes = bytesOf(24 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [
    { ...library, digest, kind: 'blob', size: bytes.length, mediaType: 'layer', confirmed: true },
  ]);
  const wholeAnswered = Promise.withResolvers<void>();
  const wholePassed = Promise.withResolvers<void>();
  hub.script.onCall = async () => {
    if (hub.calls.length === 2) await wholeAnswered.promise;
  };
  // Upstream's answer to one range is wrong, and slower than the whole.
  hub.script.bend = ({ from }) => {
    if (from !== 10 * mebibyte) return undefined;
    return { bytes: Buffer.alloc(5 * mebibyte), totalSize: bytes.length };
  };
  hub.script.onChunk = async ({ from }, position) => {
    if (from === 10 * mebibyte && position > 0) await wholePassed.promise;
  };
  const open = (start: number, end: number) =>
    cache.openBlob({ ...library, digest, intent: 'ranges' }).then((blob) => blob.read({ start, end }));
  (await open(20 * mebibyte, 20 * mebibyte + 99)).close();
  await until(() => hub.calls.length === 2);
  const lied = open(10 * mebibyte, 15 * mebibyte - 1).then(collect);
  await until(() => hub.gets.some(({ from, sent }) => from === 10 * mebibyte && sent > 0));
  wholeAnswered.resolve();
  await until(() => hub.gets.some(({ from, sent, closed }) => from === 0 && (closed || sent > 16 * mebibyte)));
  wholePassed.resolve();
  await lied.catch((error: unknown) => assert.ok(isCacheError(error, 'content-mismatch')));
  await until(async () => (await index.fills.read(digest))?.state !== 'running');
  const reader = await store.open(digest);
  if (reader !== undefined) {
    const stored = Buffer.alloc(bytes.length);
    for (let filled = 0; filled < stored.length;) filled += await reader.read(stored.subarray(filled));
    await reader.close();
    assert.equal(digestOf(stored), digest);
  }
  await until(() => spools.usedBytes === 0);
});

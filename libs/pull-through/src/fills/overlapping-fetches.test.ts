// Several upstream bodies may bring parts of one blob, and one of them may have wrong bytes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const mebibyte = 1024 * 1024;

const isMismatch = (error: unknown) => isCacheError(error, 'content-mismatch');

test('a range with wrong bytes fails the fill, stores nothing and gives no reader an end', async (t) => {
  const started = await startTestCache({ store: 'fs' });
  t.after(() => started.close());
  const { cache, hub, index, store, spools } = started;
  const bytes = bytesOf(24 * mebibyte);
  const from = 10 * mebibyte;
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(mebibyte);
  hub.script.bend = (get) =>
    get.from === from ? { bytes: Buffer.alloc(bytes.length - from), totalSize: bytes.length } : undefined;
  const open = async (range?: { start: number; end: number }) => {
    const blob = await cache.openBlob({ ...library, digest, intent: range === undefined ? 'whole' : 'ranges' });
    return collect(await blob.read(range));
  };
  const whole = assert.rejects(open(), isMismatch);
  await until(() => hub.gets[0]?.sent === mebibyte);
  const late = assert.rejects(open({ start: from, end: bytes.length - 1 }), isMismatch);
  await until(() => hub.gets.length === 2);
  assert.equal(hub.gets[1]!.from, from);
  hub.allow(bytes.length);
  await Promise.all([whole, late]);
  assert.equal(await store.stat(digest), undefined);
  await until(() => spools.usedBytes === 0);
  hub.script.bend = undefined;
  hub.allow(2 * bytes.length);
  assert.ok((await open()).equals(bytes));
  await until(async () => (await index.fills.read(digest))?.state === 'done');
});

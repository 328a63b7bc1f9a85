import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, truncate, utimes, writeFile, chmod } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual, promisify } from 'node:util';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { assertSameBytes, collect, openReader, readToEnd, storeSample } from '../conformance/sample-blob.ts';
import { blobKey } from '../key-layout.ts';
import { bodyOf, putBytes } from '../put-bytes.ts';
import { openTemporaryStore } from './fixtures/open-temporary-store.ts';
import { openFsStore } from './open-fs-store.ts';

function isUnavailable(error: unknown): boolean {
  return isCacheError(error, 'store-unavailable');
}

async function countDescriptors(): Promise<number> {
  return (await readdir('/dev/fd')).length;
}

/** Resolves when the spool has only these files. After a failed call a probe writes another one, and removes it soon. */
async function untilSpooled(root: string, files: readonly string[]): Promise<void> {
  await until(async () => isDeepStrictEqual(await readdir(join(root, 'cistern', 'spool')), files));
}

test('a directory without permission is a failure and never a miss', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const { digest, bytes } = await storeSample(store, 1000);
  await store.writeObject('cistern/a', bytes);
  // Changes the effective user during this test, because permissions do not restrict root.
  const asRoot = process.getuid?.() === 0;
  await chmod(root, 0);
  if (asRoot) process.seteuid?.(65_534);
  try {
    for (const call of [
      async () => store.stat(digest),
      async () => store.open(digest),
      async () => store.remove(digest),
      async () => putBytes(store, digest, bytes),
      async () => collect(store.list()),
      async () => store.readObject('cistern/a'),
      async () => store.check(),
      async () => openFsStore({ root: join(root, 'deeper'), log: console }),
    ])
      await assert.rejects(
        call,
        (error) => isUnavailable(error) && /permission.*EACCES/.test((error as Error).message),
      );
  } finally {
    if (asRoot) process.seteuid?.(0);
    await chmod(root, 0o755);
  }
  assert.deepEqual(await store.stat(digest), { size: 1000 });
});

test('a blob for which the disk has no space is rejected and leaves no trace', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const script = fileURLToPath(import.meta.resolve('./fixtures/commit-too-much.ts'));
  // A limit on file sizes simulates a full disk, because in both cases a write fails halfway.
  const { stdout } = await promisify(execFile)('/bin/sh', [
    '-c',
    'ulimit -f 200; exec "$0" "$@"',
    process.execPath,
    script,
    root,
  ]);
  assert.match(stdout, /^store-unavailable: The store cannot write a blob: .*EFBIG/);
  assert.deepEqual(await collect(store.list()), []);
  await untilSpooled(root, []);
});

test('a key that is a directory, or is below an object, rejects and changes nothing', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  await store.writeObject('cistern/a/b', Buffer.from('b'));
  for (const call of [
    async () => store.writeObject('cistern/a', Buffer.from('a')),
    async () => store.readObject('cistern/a'),
    async () => store.removeObject('cistern/a'),
    async () => store.writeObject('cistern/a/b/c', Buffer.from('c')),
    async () => store.readObject('cistern/a/b/c'),
  ])
    await assert.rejects(call, isUnavailable);
  assert.deepEqual(await collect(store.listObjects('cistern/')), ['cistern/a/b']);
  await untilSpooled(root, []);
});

test('a blob that cannot be moved to its path is rejected and leaves no trace', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const bytes = Buffer.from('blob');
  const path = join(root, blobKey(digestOf(bytes)));
  await mkdir(join(path, 'in the way'), { recursive: true });
  await assert.rejects(putBytes(store, digestOf(bytes), bytes), isUnavailable);
  await untilSpooled(root, []);
  // After a rejection the spool file of a finished fill stays, for another attempt.
  const { spoolDirectory = '', adoptFile } = store;
  await writeFile(join(spoolDirectory, 'fill'), bytes);
  await assert.rejects(async () => adoptFile?.(digestOf(bytes), join(spoolDirectory, 'fill')), isUnavailable);
  await untilSpooled(root, ['fill']);
  await rm(path, { recursive: true });
  await adoptFile?.(digestOf(bytes), join(spoolDirectory, 'fill'));
  assert.deepEqual(await store.stat(digestOf(bytes)), { size: bytes.length });
});

test('an upload whose file cannot be moved to its path can complete later, and leaves no trace after an abort', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const bytes = Buffer.from('blob');
  const digest = digestOf(bytes);
  const path = join(root, blobKey(digest));
  const begin = async () => {
    const upload = await store.beginUpload(digest, { size: 4, segmentBytes: 3 });
    await upload.put(1, bodyOf(bytes.subarray(3)));
    await upload.put(0, bodyOf(bytes.subarray(0, 3)));
    return upload;
  };
  await mkdir(join(path, 'in the way'), { recursive: true });
  const [aborted, upload] = [await begin(), await begin()];
  await assert.rejects(aborted.complete(), isUnavailable);
  await assert.rejects(upload.complete(), isUnavailable);
  await aborted.abort();
  await untilSpooled(root, [upload.id]);
  await rm(path, { recursive: true });
  await upload.complete();
  assert.deepEqual(await store.stat(digest), { size: 4 });
  await untilSpooled(root, []);
});

test('unfinished files are not objects', async (t) => {
  const { store } = await openTemporaryStore(t);
  const upload = await store.beginUpload(digestOf(Buffer.from('x')), { size: 1, segmentBytes: 1 });
  await upload.put(0, bodyOf(Buffer.from('x')));
  assert.deepEqual(await collect(store.listObjects('cistern/')), []);
  assert.deepEqual(await collect(store.listObjects('cistern/spool/')), []);
  for (const key of ['cistern/spool', 'cistern/spool/x'])
    await assert.rejects(async () => store.writeObject(key, Buffer.from('x')), TypeError);
  await upload.abort();
});

test('a reader of a removed blob reads to its end, and a reader of a truncated blob fails where it ends', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const { digest, bytes } = await storeSample(store, 500_000);
  const surviving = await openReader(store, digest);
  await store.remove(digest);
  assertSameBytes(await readToEnd(surviving), bytes);
  await surviving.close();

  await putBytes(store, digest, bytes);
  const failing = await openReader(store, digest);
  await truncate(join(root, blobKey(digest)), 300_000);
  await assert.rejects(
    readToEnd(failing),
    (error) => isUnavailable(error) && /ends at 300000 of 500000/.test((error as Error).message),
  );
  await failing.close();
});

test('readers release every file descriptor', async (t) => {
  const { store } = await openTemporaryStore(t);
  const { digest } = await storeSample(store, 100_000);
  const before = await countDescriptors();
  for (let round = 0; round < 50; round += 1) {
    const reader = await openReader(store, digest);
    const pending = reader.read(Buffer.alloc(50_000)).catch(() => undefined);
    await Promise.all([reader.close(), reader.close(), pending]);
    await assert.rejects(store.open(digest, { start: 0, end: 100_000 }));
  }
  assert.equal(await countDescriptors(), before);
});

test('spool files of a dead process are removed at the next start', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  const { spoolDirectory = '' } = store;
  await writeFile(join(spoolDirectory, 'abandoned'), 'x');
  await writeFile(join(spoolDirectory, 'in-use'), 'x');
  const twoHoursAgo = Date.now() / 1000 - 7200;
  await utimes(join(spoolDirectory, 'abandoned'), twoHoursAgo, twoHoursAgo);
  const next = await openFsStore({ root, log: console });
  await next.close();
  await untilSpooled(root, ['in-use']);
});

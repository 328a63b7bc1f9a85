import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { until } from '@cistern/runtime/testing';
import { createDiskRoom } from '../room/disk-room.ts';
import { noMinFree } from '../room/min-free.ts';
import { openSpoolDirectory, type SpoolDirectoryOptions } from './spool-directory.ts';

const { signal } = new AbortController();
const entry = { isSizeUnknown: false, freeOne: () => false, writtenBytes: () => 0, storedBytes: () => 0, signal };

async function openDirectory(t: TestContext, options: Partial<SpoolDirectoryOptions> = {}) {
  const path = await mkdtemp(join(tmpdir(), 'cistern-spool-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const spools = await openSpoolDirectory(path, { maxBytes: 100, leastSegmentBytes: 10, ...options });
  return { path, spools };
}

const isTooLarge = (error: unknown) =>
  isCacheError(error, 'too-large') && /worker\.spool\.maxbytes/.test(error.message);

function diskOf(freeBytes: number) {
  return createDiskRoom({ name: 'The disk', minFree: noMinFree, space: async () => ({ freeBytes, totalBytes: 1000 }) });
}

test('a fill reserves two segments at first, a small one its size, and returns them when its files are removed', async (t) => {
  const { path, spools } = await openDirectory(t);
  const large = spools.open({ name: 'a', size: 1_000 });
  assert.equal(large.segmentBytes, 10);
  assert.equal(spools.usedBytes, 0);
  await large.enter(entry);
  assert.equal(spools.usedBytes, 20);
  const small = spools.open({ name: 'b', size: 7 });
  await small.enter(entry);
  assert.equal(spools.usedBytes, 27);
  await large.files.write(3, 0, [Buffer.from('abc')]);
  await small.files.write(0, 0, [Buffer.from('abc')]);
  assert.equal((await readdir(path)).length, 2);
  for (const spool of [large, small, large]) await spool.close();
  assert.equal(spools.usedBytes, 0);
  assert.deepEqual(await readdir(path), []);
});

test('a spool that holds less than two segments reserves one', async (t) => {
  const { spools } = await openDirectory(t, { maxBytes: 15 });
  await spools.open({ name: 'a', size: 1_000 }).enter(entry);
  assert.equal(spools.usedBytes, 15);
  const { spools: tiny } = await openDirectory(t, { maxBytes: 5 });
  await assert.rejects(tiny.open({ name: 'a', size: 1_000 }).enter(entry), isTooLarge);
  assert.ok(isTooLarge(tiny.findShortage(1_000)));
  assert.equal(tiny.findShortage(5), undefined);
});

test('a fill waits for space until another one is closed, or until its signal aborts', async (t) => {
  const { spools } = await openDirectory(t);
  const first = spools.open({ name: 'a', size: 1_000 });
  const room = await first.enter(entry);
  await room.take(95, signal);
  const stopping = new AbortController();
  const stopped = spools.open({ name: 'b', size: 1_000 });
  const entering = stopped.enter({ ...entry, signal: stopping.signal });
  await until(() => spools.isWaitedFor);
  stopping.abort(new Error('stopped'));
  await assert.rejects(entering, /stopped/);
  await stopped.close();
  assert.ok(isCacheError(spools.findShortage(1_000), 'overloaded'));
  assert.equal(spools.findShortage(5), undefined);
  assert.ok(isCacheError(spools.findShortage(5, 0.5), 'overloaded'));
  const second = spools.open({ name: 'c', size: 1_000 });
  const waiting = second.enter(entry);
  await first.close();
  await waiting;
  await second.close();
  assert.equal(spools.usedBytes, 0);
});

test('a fill may keep no more than the spool holds', async (t) => {
  assert.equal((await openDirectory(t)).spools.perFillBytes, 100);
  assert.equal((await openDirectory(t, { perFillBytes: 40 })).spools.perFillBytes, 40);
});

test('files that become blobs do not count for the spool, and need their whole size on the disk', async (t) => {
  const { spools, path } = await openDirectory(t, { maxBytes: 10, isOneFile: true, disk: diskOf(500) });
  const spool = spools.open({ name: 'a', size: 400 });
  await spool.enter(entry);
  assert.equal(spool.files.path, join(path, 'a.fill'));
  await spools.admit(500);
  await assert.rejects(spools.admit(501), (error) => isCacheError(error, 'store-unavailable'));
  await assert.rejects(spools.open({ name: 'b', size: 400 }).enter(entry), /The disk/);
  // A blob of unknown size needs little space at first.
  await spools.open({ name: 'c', size: 400 }).enter({ ...entry, isSizeUnknown: true });
  await spool.close();
});

test('space in the spool is returned if the disk of the store has none', async (t) => {
  const { spools } = await openDirectory(t, { disk: diskOf(30) });
  const spool = spools.open({ name: 'a', size: 60 });
  await assert.rejects(spool.enter(entry), /The disk/);
  assert.equal(spools.usedBytes, 0);
  await spool.close();
  await spools.open({ name: 'b', size: 30 }).enter(entry);
});

test('a spool that is larger than its disk uses only the disk’s space, and waiting fills notice freed space', async (t) => {
  let freeBytes = 46;
  const space = async () => ({ freeBytes, totalBytes: 100 });
  const { spools } = await openDirectory(t, { maxBytes: 1_000, space });
  const first = spools.open({ name: 'a', size: 1_000 });
  let written = 0;
  const room = await first.enter({ ...entry, writtenBytes: () => written });
  written = 15;
  freeBytes -= written;
  await room.take(20, signal);
  await room.take(10, signal);
  assert.equal(room.tryTake(20), undefined);
  const second = spools.open({ name: 'b', size: 1_000 });
  const entering = second.enter(entry);
  await delay(5_000);
  assert.ok(spools.isWaitedFor);
  assert.match(
    spools.findShortage(1_000)?.message ?? '',
    /30 of 45 are in use \(the file system of worker\.spool\.directory\)/,
  );
  freeBytes += 10;
  await entering;
  assert.equal(spools.usedBytes, 50);
  assert.equal(await spools.findFull(), undefined);
  for (const spool of [first, second]) await spool.close();
});

test('a disk without space for a fill’s two segments is full, also without fills', async (t) => {
  let freeBytes = 15;
  const { spools } = await openDirectory(t, { space: async () => ({ freeBytes, totalBytes: 1_000 }) });
  assert.match(
    (await spools.findFull()) ?? '',
    /^15 of 1000 bytes are free on the file system of worker\.spool\.directory/,
  );
  await assert.rejects(spools.open({ name: 'a', size: 1_000 }).enter(entry), (error) =>
    isCacheError(error, 'overloaded'),
  );
  freeBytes = 500;
  await delay(2_000);
  assert.equal(await spools.findFull(), undefined);
});

test('a disk that cannot be queried limits nothing', async (t) => {
  const { spools } = await openDirectory(t, { space: () => Promise.reject(new Error('stale file handle')) });
  const room = await spools.open({ name: 'a', size: 1_000 }).enter(entry);
  await room.take(100, signal);
  assert.equal(await spools.findFull(), undefined);
});

test('a file that cannot be removed does not keep its space reserved', async (t) => {
  const { path, spools } = await openDirectory(t);
  const spool = spools.open({ name: 'a', size: 60 });
  await spool.enter(entry);
  await spool.files.write(0, 0, [Buffer.from('abc')]);
  const [name] = await readdir(path);
  await unlink(join(path, name!));
  await mkdir(join(path, name!, 'in the way'), { recursive: true });
  await assert.rejects(() => spool.close());
  assert.equal(spools.usedBytes, 0);
  assert.deepEqual(await readdir(path), [name]);
});

test('startup removes files of an earlier process, but no other files, and none in a shared directory', async (t) => {
  const { path } = await openDirectory(t);
  for (const name of ['left.fill', 'left.7.fill', 'other']) await writeFile(join(path, name), 'x');
  await openSpoolDirectory(path, { maxBytes: 100, isShared: true });
  assert.equal((await readdir(path)).length, 3);
  await openSpoolDirectory(path, { maxBytes: 100 });
  assert.deepEqual(await readdir(path), ['other']);
});

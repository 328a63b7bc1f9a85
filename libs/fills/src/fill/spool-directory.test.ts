import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { createDiskRoom } from '../room/disk-room.ts';
import { noMinFree } from '../room/min-free.ts';
import { openSpoolDirectory } from './spool-directory.ts';

const never = new AbortController().signal;

async function openDirectory(t: TestContext, maxBytes: number) {
  const path = await mkdtemp(join(tmpdir(), 'cistern-spool-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return { path, spools: await openSpoolDirectory(path, maxBytes) };
}

test('room is given in the order it was asked for, and comes back when a spool is closed', async (t) => {
  const { path, spools } = await openDirectory(t, 100);
  const first = await spools.open('a', 60, never);
  const order: string[] = [];
  const large = spools.open('b', 100, never).then((spool) => (order.push('large'), spool));
  const small = spools.open('c', 10, never).then((spool) => (order.push('small'), spool));
  await first.close();
  await (await large).close();
  await (await small).close();
  assert.deepEqual(order, ['large', 'small']);
  assert.equal(spools.usedBytes, 0);
  assert.deepEqual(await readdir(path), []);
});

test('who waits for room leaves the line when stopped, and lets those behind it pass', async (t) => {
  const { spools } = await openDirectory(t, 100);
  const first = await spools.open('a', 60, never);
  const stopping = new AbortController();
  const stopped = spools.open('b', 100, stopping.signal);
  const small = spools.open('c', 10, never);
  stopping.abort(new Error('stopped'));
  await assert.rejects(stopped, /stopped/);
  await (await small).close();
  await assert.rejects(() => spools.open('d', 100, AbortSignal.abort(new Error('stopped before'))), /stopped before/);
  await first.close();
  assert.equal(spools.usedBytes, 0);
});

test('room may be reserved bit by bit, up to the size, and comes back as a whole', async (t) => {
  const { spools } = await openDirectory(t, 100);
  const spool = await spools.open('a', 1000, never, 10);
  assert.equal(spools.usedBytes, 10);
  await spool.reserve(30, never);
  assert.equal(spools.usedBytes, 40);
  await assert.rejects(() => spool.reserve(61, never), /worker\.spool\.maxbytes/);
  const small = await spools.open('b', 20, never, 15);
  await small.reserve(15, never);
  assert.equal(spools.usedBytes, 60);
  const waiting = spool.reserve(60, never);
  await small.close();
  await waiting;
  assert.equal(spools.usedBytes, 100);
  await spool.close();
  assert.equal(spools.usedBytes, 0);
});

test('room that is granted after the spool was closed comes back at once', async (t) => {
  const { spools } = await openDirectory(t, 100);
  const first = await spools.open('a', 60, never);
  const spool = await spools.open('b', 100, never, 10);
  const waiting = spool.reserve(50, never);
  await spool.close();
  await first.close();
  await waiting;
  assert.equal(spools.usedBytes, 0);
});

test('room in the spool comes back where the disk has none', async (t) => {
  const path = await mkdtemp(join(tmpdir(), 'cistern-spool-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  const disk = createDiskRoom({
    name: 'The disk',
    minFree: noMinFree,
    space: async () => ({ freeBytes: 20, totalBytes: 1000 }),
  });
  const spools = await openSpoolDirectory(path, 100, { disk });
  const spool = await spools.open('a', 100, never, 10);
  await assert.rejects(spool.reserve(30, never), /The disk/);
  assert.equal(spools.usedBytes, 10);
  await spool.close();
  assert.equal(spools.usedBytes, 0);
});

test('a file that cannot be removed does not keep its room', async (t) => {
  const { path, spools } = await openDirectory(t, 100);
  const spool = await spools.open('a', 60, never);
  await unlink(spool.path);
  await mkdir(join(spool.path, 'in the way'), { recursive: true });
  await assert.rejects(() => spool.close());
  assert.equal(spools.usedBytes, 0);
  assert.deepEqual(await readdir(path), ['a.fill']);
});

test('no byte is written twice, and what is written is read back', async (t) => {
  const { spools } = await openDirectory(t, 100);
  const spool = await spools.open('a', 60, never);
  const writing = spool.write(10, [Buffer.from('abc'), Buffer.from('def')]);
  await assert.rejects(() => spool.write(12, [Buffer.from('x')]), /written once/);
  await writing;
  await assert.rejects(() => spool.write(5, [Buffer.from('123456')]), /written once/);
  const into = Buffer.alloc(6);
  assert.equal(await spool.read(10, into), 6);
  assert.equal(into.toString(), 'abcdef');
  assert.equal(spool.present.covered, 6);
  await assert.rejects(
    () => spool.read(50, into),
    (error) => isCacheError(error, 'store-unavailable'),
  );
  await spool.close();
});

test('what an earlier process left is removed at the start, other files are not', async (t) => {
  const { path } = await openDirectory(t, 100);
  await writeFile(join(path, 'left.fill'), 'x');
  await writeFile(join(path, 'other'), 'x');
  await openSpoolDirectory(path, 100);
  assert.deepEqual(await readdir(path), ['other']);
});

test('a spool whose file cannot be made gives its room back', async (t) => {
  const { path, spools } = await openDirectory(t, 100);
  await rm(path, { recursive: true });
  for (const name of ['a', 'b'])
    await assert.rejects(spools.open(name, 100, never), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal(spools.usedBytes, 0);
});

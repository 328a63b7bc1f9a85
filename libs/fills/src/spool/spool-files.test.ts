import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { isSpoolFile, openSpoolFiles } from './spool-files.ts';

async function openFiles(t: TestContext, isOneFile = false) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-spool-files-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const files = openSpoolFiles({ path: join(directory, 'a'), isOneFile, segmentBytes: 10 });
  const read = async (segment: number, at: number, length: number) => {
    const into = Buffer.alloc(length);
    return into.subarray(0, await files.read(segment, at, into)).toString();
  };
  const write = (segment: number, at: number, ...chunks: string[]) =>
    files.write(
      segment,
      at,
      chunks.map((chunk) => Buffer.from(chunk)),
    );
  return { directory, files, read, write, names: async () => (await readdir(directory)).toSorted() };
}

test('each segment has a file, which is removed when the segment is freed', async (t) => {
  const { files, read, write, names } = await openFiles(t);
  await Promise.all([write(0, 0, 'abc', 'def'), write(7, 0, 'xyz')]);
  await write(0, 6, 'gh');
  assert.equal(await read(0, 2, 100), 'cdefgh');
  assert.equal(await read(7, 0, 2), 'xy');
  assert.deepEqual(await names(), ['a.0.fill', 'a.7.fill']);
  assert.ok((await names()).every(isSpoolFile));
  await files.drop(0);
  await files.drop(0);
  await files.drop(3);
  assert.deepEqual(await names(), ['a.7.fill']);
  await assert.rejects(read(0, 0, 1), /segment does not exist/);
  assert.equal(await read(7, 0, 3), 'xyz');
  await files.close();
  await files.close();
  assert.deepEqual(await names(), []);
  assert.equal(files.path, undefined);
});

test('a directory that was removed meanwhile is created again', async (t) => {
  const { directory, read, write, names, files } = await openFiles(t);
  await rm(directory, { recursive: true });
  await write(0, 0, 'abc');
  assert.equal(await read(0, 0, 3), 'abc');
  assert.deepEqual(await names(), ['a.0.fill']);
  await files.close();
});

test('one file has all segments at their offsets, and none of them is freed', async (t) => {
  const { directory, files, read, write, names } = await openFiles(t, true);
  await write(1, 0, 'klm');
  await write(0, 0, '0123456789');
  await files.drop(0);
  assert.equal(await read(0, 8, 2), '89');
  assert.equal(await read(1, 1, 10), 'lm');
  assert.deepEqual(await names(), ['a.fill']);
  assert.equal(files.path, join(directory, 'a.fill'));
  assert.equal((await readFile(files.path)).toString(), '0123456789klm');
  await files.close();
  assert.deepEqual(await names(), []);
});

test('a file that the store has moved away stays readable, and is not removed', async (t) => {
  const { directory, files, read, write, names } = await openFiles(t, true);
  await write(0, 0, 'abc');
  await rename(files.path!, join(directory, 'blob'));
  files.leaveFile();
  assert.equal(await read(0, 0, 3), 'abc');
  await files.close();
  assert.deepEqual(await names(), ['blob']);
});

test('running reads and writes end before their file is removed or closed', async (t) => {
  const { files, read, write, names } = await openFiles(t);
  await write(0, 0, 'abc');
  const reading = read(0, 0, 3);
  await files.drop(0);
  assert.ok(['abc', 'gone'].includes(await reading.catch(() => 'gone')));
  const writing = write(1, 0, 'abc');
  await files.close();
  await writing.catch(() => {});
  assert.deepEqual(await names(), []);
  await assert.rejects(write(2, 0, 'abc'), (error) => isCacheError(error, 'store-unavailable'));
  assert.deepEqual(await names(), []);
});

test('a disk that rejects a write is named with its setting, and the failure is the worker’s own', async (t) => {
  const { directory, files, write } = await openFiles(t);
  await mkdir(join(directory, 'a.0.fill'));
  await assert.rejects(
    write(0, 0, 'abc'),
    (error) =>
      isCacheError(error, 'store-unavailable') && error.isLocal && /worker\.spool\.directory/.test(error.message),
  );
  await files.close();
});

test('reading a file that was cut short rejects', async (t) => {
  const { directory, files, read, write } = await openFiles(t);
  await write(0, 0, 'abc');
  await truncate(join(directory, 'a.0.fill'), 1);
  await assert.rejects(read(0, 1, 2), (error) => isCacheError(error, 'store-unavailable'));
  await files.close();
});

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { readDiskSpace } from './read-disk-space.ts';

test('the free space of a file system is a part of its size', async () => {
  const { freeBytes, totalBytes } = (await readDiskSpace(tmpdir()))!;
  assert.ok(freeBytes >= 0 && freeBytes <= totalBytes && totalBytes > 0);
});

test('a file system without blocks does not report its space', async () => {
  assert.equal(await readDiskSpace('/proc'), undefined);
});

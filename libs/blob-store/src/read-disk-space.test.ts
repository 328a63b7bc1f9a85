import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { readDiskSpace } from './read-disk-space.ts';

test('a file system has a size, and part of it is free', async () => {
  const { freeBytes, totalBytes } = (await readDiskSpace(tmpdir()))!;
  assert.ok(freeBytes >= 0 && freeBytes <= totalBytes && totalBytes > 0);
});

test('a file system without blocks does not report its space', async () => {
  assert.equal(await readDiskSpace('/proc'), undefined);
});

import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { openFsReader } from './open-fs-reader.ts';
import { createFileCalls } from './store-error.ts';

test('close waits for a pending read, because another file could get the descriptor', async (t) => {
  const size = 64 * 1024 * 1024;
  const directory = await mkdtemp(join(tmpdir(), 'cistern-reader-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'blob');
  await writeFile(path, '');
  await truncate(path, size);
  const calls = createFileCalls(() => {});
  const reader = await openFsReader(calls, path, digestOf(Buffer.from('any')), undefined);
  const ended: string[] = [];
  const reading = assert.rejects(reader.read(Buffer.alloc(size)), /closed/).then(() => ended.push('read'));
  await reader.close();
  ended.push('close');
  await reading;
  assert.deepEqual(ended, ['read', 'close']);
});

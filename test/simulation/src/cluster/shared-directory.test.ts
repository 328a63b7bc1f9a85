import '../virtual-time.ts';
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { fileError, fileSystem } from '../world/files/file-system.ts';
import { createDirectory } from './shared-directory.ts';

test('a file whose directory could not be synced is adopted at the next attempt', async (t) => {
  const { stored, open } = createDirectory(() => false);
  const store = await open();
  t.after(() => store.close());
  const bytes = Buffer.from('a blob');
  const digest = digestOf(bytes);
  const path = join(store.spoolDirectory!, 'one.fill');
  await writeFile(path, bytes);
  let isInPlace = false;
  fileSystem.onOperation = (operation) => {
    if (operation === 'fsync' && isInPlace) throw fileError('EIO', operation, 'a directory');
    isInPlace ||= operation === 'rename';
  };
  await assert.rejects(store.adoptFile!(digest, path), (error) => isCacheError(error, 'store-unavailable'));
  fileSystem.onOperation = undefined;
  await store.adoptFile!(digest, path);
  assert.ok(stored.isWhole(digest));
});

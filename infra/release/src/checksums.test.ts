import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { checksums } from './checksums.ts';

test('the list has each file with its SHA-256, sorted by name', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-checksums-'));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'b'), 'abc');
  await writeFile(join(directory, 'a'), '');
  assert.equal(
    await checksums(directory),
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  a\n' +
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b\n',
  );
});

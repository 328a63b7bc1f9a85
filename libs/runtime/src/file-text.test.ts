import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileText } from './file-text.ts';

test('a file that has been written or replaced is read again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-files-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'secret');
  await writeFile(path, 'one');
  const text = fileText(path);
  assert.equal(await text(), 'one');
  await writeFile(path, 'second');
  assert.equal(await text(), 'second');
  await writeFile(join(directory, 'next'), 'thirds');
  await rename(join(directory, 'next'), path);
  assert.equal(await text(), 'thirds');
});

test('a file that is gone is an error, and is read when it is there again', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-files-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'secret');
  const text = fileText(path);
  await assert.rejects(text(), { code: 'ENOENT' });
  await writeFile(path, 'here');
  assert.equal(await text(), 'here');
});

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceFile } from './replace-file.ts';

test('a new file is for its owner alone, a replaced one keeps its mode, and nothing is left beside it', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-files-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'users');
  await replaceFile(path, 'one');
  await writeFile(join(directory, 'open'), 'to all', { mode: 0o644 });
  for (const [name, text, mode] of [
    ['users', 'two', 0o600],
    ['open', 'to all still', 0o644],
  ] as const) {
    await replaceFile(join(directory, name), text);
    assert.equal(await readFile(join(directory, name), 'utf8'), text);
    assert.equal((await stat(join(directory, name))).mode & 0o777, mode);
  }
  await assert.rejects(replaceFile(directory, 'a directory is in the way'), /EISDIR|ENOTEMPTY|EEXIST/);
  assert.deepEqual((await readdir(directory)).toSorted(), ['open', 'users']);
});

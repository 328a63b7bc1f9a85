import assert from 'node:assert/strict';
import { mkdtemp, rename, rm, writeFile, readdir, readFile, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileText, replaceFile } from './file-text.ts';

test('a changed or replaced file is read again', async (t) => {
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

test('a missing file is an error, and is read once it exists', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-files-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'secret');
  const text = fileText(path);
  await assert.rejects(text(), { code: 'ENOENT' });
  await writeFile(path, 'here');
  assert.equal(await text(), 'here');
});

test('a new file is private to its owner, a replaced one keeps its mode, and no temporary file remains', async (t) => {
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
  const { uid, gid } = await stat(directory);
  await replaceFile(join(directory, 'group'), 'one', { uid, gid, mode: 0o440 });
  assert.equal((await stat(join(directory, 'group'))).mode & 0o777, 0o440);
  await assert.rejects(replaceFile(directory, 'a directory is in the way'), /EISDIR|ENOTEMPTY|EEXIST/);
  assert.deepEqual((await readdir(directory)).toSorted(), ['group', 'open', 'users']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extract, type Header } from 'tar-stream';
import { directoryOf, fileOf, linkOf, type PackedFile } from './files.ts';
import { writeTar } from './write-tar.ts';

const madeAt = new Date('2026-01-02T03:04:05Z');

async function headersOf(files: readonly PackedFile[]): Promise<Header[]> {
  const entries = extract();
  entries.end(await writeTar(files, madeAt));
  const headers: Header[] = [];
  for await (const entry of entries) {
    headers.push(entry.header);
    entry.resume();
  }
  return headers;
}

test('an archive has the files and their parent directories, sorted by path', async () => {
  const headers = await headersOf([
    fileOf('b/c/d', 'text', 0o755),
    linkOf('a', 'b/c/d'),
    directoryOf('tmp', 0o1777, 7),
  ]);
  assert.deepEqual(
    headers.map(({ name, type, mode, uid, linkname }) => [name, type, mode?.toString(8), uid, linkname]),
    [
      ['a', 'symlink', '777', 0, 'b/c/d'],
      ['b/', 'directory', '755', 0, null],
      ['b/c/', 'directory', '755', 0, null],
      ['b/c/d', 'file', '755', 0, null],
      ['tmp/', 'directory', '1777', 7, null],
    ],
  );
  assert.ok(headers.every(({ mtime }) => mtime?.getTime() === madeAt.getTime()));
});

test('the order of the files does not change the archive', async () => {
  const files = [fileOf('a', '1'), fileOf('b', '2'), directoryOf('c')];
  assert.deepEqual(await writeTar(files, madeAt), await writeTar(files.toReversed(), madeAt));
});

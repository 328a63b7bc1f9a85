// Tests what the packages of a release contain: only the listed files, and no trace of the machine that made them.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, matchesGlob } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { contents } from '../src/install/contents.ts';
import { architecture, buildDirectory, fileOfRelease, repository } from '../src/install/ensure-release.ts';
import { listFiles, unpackDebian, unpackImage, type UnpackedFile, unpackTar } from '../src/install/unpack.ts';

const stack = new AsyncDisposableStack();
const megabyte = 1_000_000;
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cistern-contents-'));
  stack.defer(() => rm(directory, { recursive: true }));
  const to = (name: string) => join(directory, name);
  await unpackTar(await fileOfRelease(/\.tgz$/), to('npm'));
  await unpackDebian(await fileOfRelease(new RegExp(`_${architecture}\\.deb$`)), to('debian'), to('control'));
  await unpackImage(await fileOfRelease(new RegExp(`-image-${architecture}\\.tar$`)), to('image'), to('archive'));
});
after(() => stack.disposeAsync());

const matches = ([mode, glob]: readonly [string, string], file: UnpackedFile) =>
  mode === file.mode && matchesGlob(file.path, glob);
const sizeOf = (files: readonly UnpackedFile[]) => files.reduce((sum, { bytes }) => sum + bytes, 0);

const packages = [
  { name: 'npm', maxBytes: 15 * megabyte },
  { name: 'debian', maxBytes: 200 * megabyte },
  { name: 'image', maxBytes: 200 * megabyte },
] as const;

for (const { name, maxBytes } of packages)
  describe(`the ${name} package`, () => {
    let files: UnpackedFile[];
    before(async () => {
      files = await listFiles(join(directory, name));
    });

    test('has only the listed files, with the listed modes', () => {
      const lines = contents[name].map((line) => line.split(' ') as [string, string]);
      const unlisted = files.filter(
        (file) => !(file.isDirectory && file.mode === '755') && !lines.some((line) => matches(line, file)),
      );
      assert.deepEqual(
        unlisted.map(({ mode, path }) => `${mode} ${path}`),
        [],
      );
      const unused = lines.filter((line) => !files.some((file) => matches(line, file)));
      assert.deepEqual(unused, []);
    });

    test(`is smaller than ${maxBytes / megabyte} MB`, (t) => {
      t.diagnostic(`${(sizeOf(files) / megabyte).toFixed(1)} MB, ${files.length} files`);
      assert.ok(sizeOf(files) < maxBytes);
    });

    test('contains no path of the machine that made it', async () => {
      const traces = [join(tmpdir(), buildDirectory), repository];
      const patterns = traces.flatMap((trace) => ['-e', trace]);
      const args = ['--recursive', '--text', '--fixed-strings', '--files-with-matches', ...patterns, '.'];
      const found = await promisify(execFile)('grep', args, { cwd: join(directory, name) }).catch((error) => error);
      // grep exits with 1 if it finds nothing.
      assert.deepEqual([found.code, found.stdout], [1, '']);
    });
  });

test('npm runs no script of the npm package', async () => {
  const manifest = JSON.parse(await readFile(join(directory, 'npm/package/package.json'), 'utf8')) as object;
  assert.ok(!('scripts' in manifest));
  assert.ok(!('private' in manifest));
});

test('the image has neither a shell nor a package manager', async () => {
  const names = (await listFiles(join(directory, 'image'))).map(({ path }) => path);
  const forbidden = /(^|\/)(sh|bash|dash|busybox|apt|apt-get|dpkg|npm|npx|corepack)$/;
  assert.deepEqual(
    names.filter((path) => forbidden.test(path) && path !== 'var/lib/dpkg'),
    [],
  );
});

test('the Debian package runs only the listed scripts', async () => {
  const names = (await listFiles(join(directory, 'control'))).map(({ path }) => path);
  assert.deepEqual(names.toSorted(), ['conffiles', 'control', 'postinst', 'postrm', 'prerm']);
});

// Tests that the same commit always gives the same release, and that a release holds exactly the files of its list.
// Further tests install this release.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { diagnoseTime } from '@cistern/test-servers';
import { keepRelease, makeRelease } from '../src/install/ensure-release.ts';

const releases: string[] = [];
after(async () => {
  const [first, ...others] = releases;
  for (const other of others) await rm(other, { recursive: true });
  if (first !== undefined) await keepRelease(first);
});

const readSums = (directory: string) => readFile(join(directory, 'SHA256SUMS'), 'utf8');

test('two releases of a commit are equal', async (t) => {
  // They differ in their directories and in the time. Both use two processors, so they run one after the other.
  for (const name of ['first', 'second'])
    releases.push(await diagnoseTime(t, `the ${name} release`, () => makeRelease()));
  const [first = '', second = ''] = await Promise.all(releases.map(readSums));
  assert.equal(first, second);
});

test('the list of checksums is correct, and names each file', async () => {
  for (const directory of releases) {
    await promisify(execFile)('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: directory });
    const listed = (await readSums(directory)).trim().split('\n');
    const names = listed.map((line) => line.split('  ')[1] ?? '');
    assert.deepEqual([...names, 'SHA256SUMS'].toSorted(), (await readdir(directory)).toSorted());
  }
});

test('a release has packages for each architecture, and their list of contents', async () => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../../package.json'), 'utf8')) as {
    version: string;
  };
  assert.deepEqual((await readdir(releases[0] ?? '')).toSorted(), [
    'SHA256SUMS',
    ...['image-amd64.tar', 'image-arm64.tar', 'notes.md'].map((name) => `cistern-${version}-${name}`),
    `cistern-${version}.cdx.json`,
    `cistern-${version}.tgz`,
    ...['amd64', 'arm64'].map((each) => `cistern_${version}_${each}.deb`),
  ]);
});

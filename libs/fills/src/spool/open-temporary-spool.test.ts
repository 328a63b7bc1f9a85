import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTemporarySpool } from './open-temporary-spool.ts';

const hourMs = 3_600_000;

test('a temporary spool is removed with its process, and old ones of killed processes are removed later', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-temporary-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const ends: (() => Promise<unknown>)[] = [];
  const open = (now: number) =>
    openTemporarySpool({ directory, now: () => now, add: (end) => void ends.push(async () => end()) });
  const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
  for (const name of [`cistern-spool-${dead}-abc`, `cistern-spool-${process.ppid}-abc`, 'cistern-spool-x', 'other']) {
    await mkdir(join(directory, name));
    await writeFile(join(directory, name, 'a.fill'), 'left');
  }
  const own = await open(Date.now());
  assert.match(own, new RegExp(`cistern-spool-${process.pid}-`));
  assert.equal((await readdir(directory)).length, 5);
  await open(Date.now() + 2 * hourMs);
  const left = (await readdir(directory)).filter((name) => !name.includes(`-${process.pid}-`));
  assert.deepEqual(left.sort(), [`cistern-spool-${process.ppid}-abc`, 'cistern-spool-x', 'other'].sort());
  for (const end of ends) await end();
  assert.equal((await readdir(directory)).length, 3);
});

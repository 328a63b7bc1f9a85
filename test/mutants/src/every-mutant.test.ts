import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { parseMutant } from './parse-mutant.ts';

const root = resolve(import.meta.dirname, '../../..');
const directory = join(root, 'test/mutants');

test('every mutant applies to the current sources', () => {
  const patches = readdirSync(directory).filter((name) => name.endsWith('.patch'));
  assert.ok(patches.length >= 40);
  for (const file of patches) {
    const { name, patch } = parseMutant(file.slice(0, -'.patch'.length), readFileSync(join(directory, file), 'utf8'));
    const env = { ...process.env, GIT_DIR: '/dev/null' };
    const { status, stderr } = spawnSync('git', ['apply', '--check', '-'], {
      cwd: root,
      env,
      input: patch,
      encoding: 'utf8',
    });
    assert.equal(status, 0, `${name}: ${stderr}`);
  }
});

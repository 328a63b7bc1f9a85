import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { listLicences } from './licences.ts';

async function openPackages(t: TestContext, files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'cistern-licences-'));
  t.after(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

test('each package has its name, its version and all its licence files', async (t) => {
  const root = await openPackages(t, {
    'a/package.json': '{"name":"a","version":"1.0.0","license":"MIT"}',
    'a/LICENSE.md': 'text of a\n',
    'a/NOTICE': 'notice of a\n',
    'a/README.md': 'not a licence\n',
    'b/package.json': '{"name":"b","version":"2.0.0"}',
    'b/licence': 'text of b\n',
  });
  const text = await listLicences(root, ['a', 'b']);
  assert.match(text, /^Cistern contains these packages:\n\n {2}a 1\.0\.0 \(MIT\)\n {2}b 2\.0\.0 \(see below\)\n/);
  assert.match(text, /\na 1\.0\.0 \(MIT\)\n\ntext of a\n\nnotice of a\n/);
  assert.match(text, /\nb 2\.0\.0 \(see below\)\n\ntext of b\n/);
  assert.doesNotMatch(text, /not a licence/);
});

test('a package without a licence is an error', async (t) => {
  const root = await openPackages(t, { 'a/package.json': '{"name":"a","version":"1.0.0"}' });
  await assert.rejects(listLicences(root, ['a']), /\/a names no licence\.$/);
});

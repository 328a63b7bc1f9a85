// The packed command has no sources, and loads some of its parts only when it needs them. These tests of other suites need
// each of those parts. They run once more, with the packed command.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { openReleases } from '../src/open-releases.ts';

const root = resolve(import.meta.dirname, '../../..');
const { next } = await openReleases({ after });

for (const [part, file] of [
  ['acme-client', 'test/single-node/access/a-certificate-by-acme.test.ts'],
  ['bcrypt', 'test/single-node/access/users-with-passwords.test.ts'],
  ['the archive of bundles', 'test/single-node/bundles/a-bundle-fills-a-cache.test.ts'],
  ['the thread that hashes large blobs', 'test/cluster/long/a-large-blob-continues.test.ts'],
] as const)
  test(`the packed command loads ${part}`, async () => {
    const env = { ...process.env, CISTERN_TEST_PRODUCT: next };
    await promisify(execFile)(process.execPath, [join(root, 'test/run.mjs'), file], { cwd: root, env }).catch(
      (error: unknown) => {
        throw new Error((error as { readonly stdout: string }).stdout, { cause: error });
      },
    );
  });

test('every name that the packed command imports from a package on demand exists', async () => {
  const lib = join(next, 'lib');
  const sources = (await readdir(lib)).filter((name) => name.endsWith('.js'));
  const imports = /const \{ ([^}]+) \} = await import\("(\.\/[^"]+)"\)\.then/g;
  let count = 0;
  for (const source of sources)
    for (const [, names = '', path = ''] of (await readFile(join(lib, source), 'utf8')).matchAll(imports)) {
      const module = (await import(join(lib, path))) as { readonly default?: object };
      for (const name of names.split(', ').map((text) => text.split(':')[0]!)) {
        assert.ok(name in { ...module.default, ...module }, `${name} of ${path}`);
        count++;
      }
    }
  assert.ok(count >= 5, `${count} names`);
});

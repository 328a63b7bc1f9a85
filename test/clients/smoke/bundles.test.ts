// Tests that skopeo reads a bundle by the full names of its images.
import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { ensureDebianPackages } from '@cistern/test-servers';
import { exportTestImages } from '../src/export-test-images.ts';
import { openSandbox } from '../src/sandbox.ts';
import { testTag, upstreamNames } from '../src/test-images.ts';

await ensureDebianPackages(['skopeo']);
const names = upstreamNames.map((upstream) => `${upstream}/library/multi:${testTag}`);
const bundle = await exportTestImages(...names);
after(bundle.close);

test('skopeo copies each image out of a bundle, whole and with its digest', async (t) => {
  const sandbox = await openSandbox();
  t.after(sandbox.close);
  const digests = new Set<string>();
  for (const name of names) {
    const source = `oci-archive:${bundle.path}:${name}`;
    const copy = join(sandbox.directory, 'copy');
    await sandbox.run('skopeo', ['copy', '--all', '--preserve-digests', source, `dir:${copy}`]);
    const index = JSON.parse(await readFile(join(copy, 'manifest.json'), 'utf8')) as { manifests: unknown[] };
    assert.equal(index.manifests.length, 2);
    digests.add(digestOf(await readFile(join(copy, 'manifest.json'))));
  }
  assert.equal(digests.size, 2);
});

// The packed command has no sources, and loads some of its parts only when it needs them. These tests of other suites need
// each of those parts. They run once more, with the packed command.
import { execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { openReleases } from '../src/open-releases.ts';

const root = resolve(import.meta.dirname, '../../..');
const { next } = await openReleases({ after });

for (const [part, file] of [
  ['acme-client', 'test/single-node/access/a-certificate-by-acme.test.ts'],
  ['bcrypt', 'test/single-node/access/users-with-passwords.test.ts'],
  ['the parser of schedules', 'test/single-node/prewarming/listed-images-are-prewarmed.test.ts'],
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

// Tests paths that try to leave the root directory or to reach fields of other requests. They are sent unchanged,
// unlike by any client.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { sendRaw } from '../src/send-raw.ts';
import { errorsOf } from '../src/send-request.ts';
import { filesBelow } from '../src/store-files.ts';

const upstream = await openUpstream({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const directory = await openDirectory({ after });
const rootDirectory = join(directory, 'inner', 'root');
await mkdir(rootDirectory, { recursive: true });
await writeFile(join(directory, 'secret'), 'not to be read');
const { port } = await openCistern({ after }, { rootDirectory, config: cacheOf(upstream) });
const { digest } = image.config;

const targets = [
  '/v2/../../secret',
  '/v2/../secret',
  '/../../../../../../etc/passwd',
  '/v2/../../secret/manifests/latest',
  '/v2/library/../../secret/manifests/latest',
  '/v2/%2e%2e/%2e%2e/secret/manifests/latest',
  '/v2/..%2f..%2fsecret/manifests/latest',
  '/v2/..%5c..%5csecret/manifests/latest',
  '/v2/..\\..\\secret/manifests/latest',
  '/v2/%252e%252e/secret/manifests/latest',
  '/v2/library%2fapp/manifests/latest',
  '/v2/library/app%00/manifests/latest',
  '/v2/library/app%0d%0ax-evil:%20yes/manifests/latest',
  '/v2//etc/passwd/manifests/latest',
  '/v2/./app/manifests/latest',
  '/v2/library/.app/manifests/latest',
  '/v2/library//app/manifests/latest',
  '/v2/library/app/manifests/..',
  '/v2/library/app/manifests/../../../secret',
  '/v2/library/app/manifests/..%2f..%2fsecret',
  '/v2/library/app/manifests/%2e%2e',
  '/v2/library/app/manifests/latest%00',
  '/v2/library/app/manifests/latest%2f..%2fother',
  '/v2/library/app/manifests/latest/',
  '/v2/library/app/blobs/..',
  '/v2/library/app/blobs/../../../../secret',
  '/v2/library/app/blobs/sha256:../../../../secret',
  '/v2/library/app/blobs/sha256:..%2f..%2f..%2fsecret',
  `/v2/library/app/blobs/${digest}/..`,
  `/v2/library/app/blobs/${digest}%2f..`,
  `/v2/library/app/blobs/${digest}%00`,
  `/v2/library/app/referrers/..%2f${digest}`,
  '/v2/library/app/referrers/../tags/list',
  '/v2/_tags/app/manifests/latest',
  '/v2/library/_manifests/manifests/latest',
  '/v2/%/manifests/latest',
  '/v2/%zz/manifests/latest',
  '/v2/library/app/manifests/%ff',
  '/..%2f/v2/library/app/manifests/latest',
  '/../v2/library/app/manifests/latest',
  '/%2e%2e/v2/library/app/manifests/latest',
  '/v2/library/app/unknown/latest',
  '/v1/repositories/library/app/tags',
];

for (const target of targets)
  test(target, async () => {
    const answer = await sendRaw(port, target);
    assert.ok(answer.status === 400 || answer.status === 404, `status ${answer.status}`);
    assert.match(errorsOf(answer)[0]?.code ?? '', /^(?:NAME_INVALID|NAME_UNKNOWN|MANIFEST_UNKNOWN|DIGEST_INVALID)$/);
    assert.equal(answer.headers['x-evil'], undefined);
    assert.doesNotMatch(answer.body.toString(), /not to be read|root:/);
  });

test('the upstream got none of these requests', () => {
  assert.equal(upstream.count(), 0);
});

test('every file is in its proper directory', async () => {
  await sendRaw(port, '/v2/library/app/manifests/latest');
  await sendRaw(port, `/v2/library/app/blobs/${digest}`);
  const files = await filesBelow(directory);
  assert.ok(files.length > 2);
  assert.deepEqual(
    files.filter((file) => !/^inner\/root\/(?:docker\/registry\/v2|cistern)\//.test(file)),
    ['secret'],
  );
});

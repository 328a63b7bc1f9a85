import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort, startProcess } from '@cistern/test-servers';
import { openDirectory, openUpstream } from '../src/open-stage.ts';
import { launcher } from '../src/launcher.ts';
import { sendRequest } from '../src/send-request.ts';
import { storedDigests } from '../src/store-files.ts';

const upstream = await openUpstream({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const rootDirectory = join(await openDirectory({ after }), 'registry');

test('a cache runs with REGISTRY_PROXY_REMOTEURL and without a file', async (t) => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const cistern = await startProcess({
    command: process.execPath,
    args: [launcher, 'serve'],
    name: 'cistern',
    env: {
      REGISTRY_CONFIGURATION_PATH: undefined,
      REGISTRY_PROXY_REMOTEURL: upstream.url,
      REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`,
      REGISTRY_HTTP_DEBUG_ADDR: '""',
      REGISTRY_ADMIN_ADDR: '""',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: rootDirectory,
      'REGISTRY_HTTP_HEADERS_X-Content-Type-Options': '[nosniff]',
    },
    ready: { http: `${url}/v2/` },
  });
  t.after(() => cistern.stop());
  const manifest = await sendRequest(`${url}/v2/library/app/manifests/latest`);
  assert.ok(manifest.status === 200 && manifest.body.equals(image.bytes));
  assert.equal(manifest.headers['x-content-type-options'], 'nosniff');
  assert.ok((await storedDigests(rootDirectory)).includes(image.digest));
  assert.doesNotMatch(cistern.outputLines().join('\n'), /WARN|ERROR/);
});

// Tests a typical file of registry:2 as a mirror of Docker Hub, unchanged except for addresses and directory.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, startProcess } from '@cistern/test-servers';
import { openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { launcher } from '../src/launcher.ts';
import { sendRequest } from '../src/send-request.ts';
import { storedDigests } from '../src/store-files.ts';

const account = { username: 'mirror', password: 'p4ss-of-the-mirror' };
const upstream = await openUpstream({ after }, { auth: { kind: 'bearer', accounts: [account] } });
const image = upstream.addImage('library/app', { tag: 'latest' });
const directory = await openDirectory({ after });
const rootDirectory = join(directory, 'registry');

test('a configuration of registry:2 runs a pull-through cache', async (t) => {
  const port = await freePort();
  const file = join(directory, 'config.yml');
  await writeFile(
    file,
    `version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: ${rootDirectory}
http:
  addr: 127.0.0.1:${port}
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
    interval: 10s
    threshold: 3
proxy:
  remoteurl: ${upstream.url}
  username: ${account.username}
  password: ${account.password}
`,
  );
  const url = `http://127.0.0.1:${port}`;
  const cistern = await startProcess({
    command: process.execPath,
    args: [launcher, 'serve', file],
    name: 'cistern',
    env: { REGISTRY_CONFIGURATION_PATH: undefined },
    ready: { http: `${url}/v2/` },
  });
  t.after(() => cistern.stop());

  const manifest = await sendRequest(`${url}/v2/library/app/manifests/latest`);
  assert.ok(manifest.status === 200 && manifest.body.equals(image.bytes), 'pulled with the credentials of the file');
  const blobPath = `/v2/library/app/blobs/${image.config.digest}`;
  const answers = [
    manifest,
    await sendRequest(`${url}/v2/`),
    await sendRequest(url + blobPath),
    await sendRequest(url + blobPath, { headers: { range: 'bytes=0-3' } }),
    await sendRequest(url + blobPath, { headers: { 'if-none-match': `"${image.config.digest}"` } }),
    await sendRequest(`${url}/v2/library/missing/manifests/latest`),
    await sendRequest(`${url}/v2/library/app/manifests/-`),
    await sendRequest(url + blobPath, { method: 'DELETE' }),
  ];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 206, 304, 404, 404, 405],
  );
  for (const { status, headers } of answers) {
    assert.equal(headers['x-content-type-options'], 'nosniff', `on a ${status}`);
    assert.equal(headers['docker-distribution-api-version'], 'registry/2.0', `on a ${status}`);
  }
  assert.ok((await storedDigests(rootDirectory)).includes(image.digest));

  const output = cistern.outputLines().join('\n');
  assert.match(output, / service=registry/);
  // Nothing in such a file deserves a warning. Port 5001 may be in use on this machine.
  assert.doesNotMatch(output.replaceAll(/^.*metrics port in use.*$/gm, ''), /WARN|ERROR/);
  assert.doesNotMatch(output, new RegExp(account.password));
});

test("containerd's requests for another registry's images reach the one upstream", async (t) => {
  const config = `version: 0.1\nproxy: {remoteurl: "${upstream.url}", username: ${account.username}, password: ${account.password}}\n`;
  const cistern = await openCistern(t, { config });
  const app = upstream.addImage('acme/app', { tag: '1' });
  const request = (path: string, method: string) => sendRequest(`${cistern.url}/v2/acme/app/${path}`, { method });
  const head = await request('manifests/1?ns=docker.io', 'HEAD');
  assert.deepEqual([head.status, head.headers['docker-content-digest']], [200, app.digest]);
  assert.ok((await request(`manifests/${app.digest}?ns=docker.io`, 'GET')).body.equals(app.bytes));
  assert.equal((await request(`blobs/${app.config.digest}?ns=docker.io`, 'GET')).status, 200);
  assert.equal((await request('manifests/missing?ns=docker.io', 'HEAD')).status, 404);
});

test('the credential helper of registry 3 replaces the password', async (t) => {
  const helper = join(directory, 'helper');
  const answer = JSON.stringify({ ServerURL: '', Username: account.username, Secret: account.password });
  await writeFile(helper, `#!/bin/sh\nread server && echo '${answer}'\n`, { mode: 0o755 });
  const config = `version: 0.1\nproxy: {remoteurl: "${upstream.url}", exec: {command: ${helper}, lifetime: 1h}}\n`;
  const cistern = await openCistern(t, { config });
  const manifest = await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  assert.ok(manifest.status === 200 && manifest.body.equals(image.bytes), 'pulled with the credentials of the helper');
  assert.ok(!cistern.log().join('\n').includes(account.password));
});

test('the age limit of registry 3 causes a warning, and content stays beyond it', async (t) => {
  const config = `version: 0.1\nproxy: {remoteurl: "${upstream.url}", username: ${account.username}, password: ${account.password}, ttl: 1s}\n`;
  const cistern = await openCistern(t, { config });
  const pull = () => sendRequest(`${cistern.url}/v2/library/app/blobs/${image.config.digest}`);
  assert.equal((await pull()).status, 200);
  // real-time: content would expire by the clock of a Cistern process
  await delay(1_500);
  assert.equal((await pull()).headers['x-cache'], 'HIT');
  assert.match(cistern.log().join('\n'), /WARN configuration warning.*proxy\.ttl.*content does not expire/);
});

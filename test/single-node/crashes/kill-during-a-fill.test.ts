// Sends `kill -9` in the middle of a fill: no part of it is ever served or stays on the disk.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { cacheOf, openCistern, openDirectory, openProcess, openUpstream, seededBytes } from '../src/open-stage.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { spoolFiles, storedDigests } from '../src/store-files.ts';

const size = 4_000_000;
const upstream = await openUpstream({ after });
const rootDirectory = await openDirectory({ after });
const bytes = seededBytes(size, 'killed');
const image = upstream.addImage('library/app', { tag: 'latest', layers: [bytes] });
const digest = image.layers[0]!.digest;
const path = `/v2/library/app/blobs/${digest}`;

test('a cache that is killed during a fill keeps no part of it', async (t) => {
  const killed = await openProcess(t, { rootDirectory, config: cacheOf(upstream) });
  await sendRequest(`${killed.url}/v2/library/app/manifests/latest`);
  const gate = createGate();
  const gated = upstream.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(2_000_000);
  const download = await beginDownload(killed.url + path);
  await download.untilReceived(1_500_000);
  assert.equal((await spoolFiles(rootDirectory)).length, 1);

  await killed.kill();
  const answer = await download.ended;
  assert.equal(answer.complete, false);
  assert.ok(answer.body.equals(bytes.subarray(0, answer.body.length)));
  assert.ok(!(await storedDigests(rootDirectory)).includes(digest), 'no half of the blob is in the store');
  gated.remove();
  upstream.reset();

  await t.test('starts again with an empty spool and serves no part of it', async (again) => {
    await upstream.refuseConnections();
    const restarted = await openCistern(again, { rootDirectory, config: cacheOf(upstream) });
    assert.deepEqual(await spoolFiles(rootDirectory), []);
    for (const headers of [{}, { range: 'bytes=0-9' }]) {
      const { status } = await sendRequest(restarted.url + path, { headers });
      assert.equal(status, 503);
    }
    const manifest = await sendRequest(`${restarted.url}/v2/library/app/manifests/${image.digest}`);
    assert.ok(manifest.status === 200 && manifest.body.equals(image.bytes), 'content committed before is still served');

    await upstream.acceptConnections();
    const pulled = await sendRequest(restarted.url + path);
    assert.ok(pulled.status === 200 && pulled.complete && pulled.body.equals(bytes));
    assert.equal(upstream.count({ digest, method: 'GET' }), 1);
    assert.equal(upstream.bytesSent(digest), size);
  });
});

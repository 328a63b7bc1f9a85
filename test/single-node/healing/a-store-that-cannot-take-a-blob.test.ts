// A disk that cannot store a blob causes neither a failed request nor a second fetch.
import assert from 'node:assert/strict';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { blobFile, spoolFiles, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';

test('clients are served from the fill until the store accepts the blob', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const bytes = seededBytes(500_000, 'no room');
  const { digest } = upstream.addBlob('library/app', bytes);
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  // A dangling link replaces the blob's directory: nothing exists there, and nothing can be created.
  const obstacle = dirname(blobFile(cistern.rootDirectory, digest));
  await mkdir(dirname(obstacle), { recursive: true });
  await symlink(join(cistern.rootDirectory, 'missing', 'place'), obstacle);

  for (const expected of ['MISS', 'JOINED', 'JOINED']) {
    const answer = await sendRequest(url);
    assert.ok(answer.status === 200 && answer.complete && answer.body.equals(bytes));
    assert.equal(answer.headers['x-cache'], expected);
  }
  const metrics = async () => (await sendRequest(`${cistern.metricsUrl}/metrics`)).body.toString();
  await until('the failure is counted', async () =>
    /^cistern_store_errors_total\{operation="adoptFile"\} [1-9]/m.test(await metrics()),
  );

  await rm(obstacle);
  await until('it is stored', async () => (await sendRequest(url)).headers['x-cache'] === 'HIT');
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
  assert.deepEqual(await wronglyStored(cistern.rootDirectory), []);
  await until('the spool is empty', async () => (await spoolFiles(cistern.rootDirectory)).length === 0);
});

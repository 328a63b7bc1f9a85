// Simulates containerd, which opens some thirty open-ended ranges of a layer and aborts each after its chunk.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const size = 3_000_000;
const chunk = 100_000;
const { upstream, cistern } = await openStage({ after });

test('thirty open-ended ranges of a cold blob, each aborted after its chunk, cost one fetch', async () => {
  const blob = seededBytes(size, 'left');
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [blob] });
  const digest = image.layers[0]!.digest;
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET' }, { gate });
  const chunks = Array.from({ length: size / chunk }, async (_, number) => {
    const download = await beginDownload(url, { headers: { range: `bytes=${number * chunk}-` } });
    assert.equal(download.status, 206);
    await download.untilReceived(number === size / chunk - 1 ? 1 : chunk);
    const received = download.received();
    download.leave();
    const expected = blob.subarray(number * chunk, number * chunk + received.length);
    assert.ok(received.equals(expected), `chunk ${number}`);
  });
  // One after another, so that most of them are aborted while the fill is still running.
  for (let allowed = 0; allowed < size; allowed += chunk) gate.allow(chunk);
  await Promise.all(chunks);
  const whole = await sendRequest(url);
  assert.ok(whole.complete && whole.body.equals(blob));
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
  assert.equal(upstream.requests({ digest, method: 'GET' })[0]?.outcome, 'finished');
});

test('a fill that all readers have left continues to its end', async () => {
  const blob = seededBytes(size, 'alone');
  const { digest } = upstream.addBlob('library/app', blob);
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(chunk);
  const downloads = await Promise.all([
    beginDownload(url),
    beginDownload(url, { headers: { range: 'bytes=0-' } }),
    beginDownload(url, { headers: { range: `bytes=${chunk / 2}-` } }),
  ]);
  for (const download of downloads) {
    await download.untilReceived(1);
    download.leave();
  }
  await until('all have left', async () =>
    /^cistern_requests_in_flight\{operation="blob"\} 0$/m.test(
      (await sendRequest(`${cistern.metricsUrl}/metrics`)).body.toString(),
    ),
  );
  gate.release();
  await until('it is stored', async () => (await sendRequest(url, { method: 'HEAD' })).headers['x-cache'] === 'HIT');
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
  const warm = await sendRequest(url);
  assert.ok(warm.complete && warm.body.equals(blob));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { openStage } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

test('requests, upstream requests, fills and mismatches are counted', async (t) => {
  const { upstream, cistern } = await openStage(t);
  const layer = Buffer.alloc(100_000, 1);
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [layer, Buffer.alloc(100_000, 2)] });
  const [good, bad] = image.layers.map(({ digest }) => digest);
  upstream.addFault({ digest: bad! }, { flipByteAt: 0 });
  const metrics = () => readMetrics(cistern);
  const manifest = `${cistern.url}/v2/library/app/manifests/latest`;
  const blob = (digest: string) => `${cistern.url}/v2/library/app/blobs/${digest}`;
  await sendRequest(manifest);
  await sendRequest(manifest);
  const gate = createGate();
  upstream.addFault({ digest: good! }, { gate });
  gate.allow(1);
  const download = await beginDownload(blob(good!));
  assert.equal((await metrics()).get('cistern_spool_bytes'), layer.length);
  gate.release();
  await download.ended;
  await until(
    'the blob is stored',
    async () => (await sendRequest(blob(good!), { method: 'HEAD' })).headers['x-cache'] === 'HIT',
  );
  await sendRequest(blob(good!));
  await sendRequest(blob(bad!));
  await sendRequest(`${cistern.url}/v2/library/app/manifests/missing`);
  await upstream.refuseConnections();
  await sendRequest(manifest);

  const stale = 'cistern_requests_total{operation="manifest",result="STALE",status="2xx"}';
  await until('the last request is counted', async () => (await metrics()).get(stale) === 1);
  const counted = await metrics();
  const expected: Readonly<Record<string, number>> = {
    'cistern_requests_total{operation="manifest",result="MISS",status="2xx"}': 1,
    'cistern_requests_total{operation="manifest",result="REVALIDATED",status="2xx"}': 1,
    'cistern_requests_total{operation="manifest",result="NONE",status="4xx"}': 1,
    'cistern_requests_total{operation="blob",result="MISS",status="2xx"}': 1,
    'cistern_requests_total{operation="blob",result="MISS",status="aborted"}': 1,
    'cistern_upstream_requests_total{upstream="docker.io",operation="get-manifest",outcome="ok"}': 1,
    'cistern_upstream_requests_total{upstream="docker.io",operation="get-manifest",outcome="not-found"}': 1,
    'cistern_upstream_requests_total{upstream="docker.io",operation="head-manifest",outcome="ok"}': 1,
    'cistern_upstream_requests_total{upstream="docker.io",operation="get-blob",outcome="ok"}': 2,
    'cistern_fills_total{class="interactive",result="done"}': 1,
    'cistern_fills_total{class="interactive",result="failed"}': 1,
    cistern_fill_bytes_total: layer.length,
    'cistern_content_mismatches_total{upstream="docker.io"}': 1,
    'cistern_requests_in_flight{operation="blob"}': 0,
    'cistern_fills_in_flight{class="interactive"}': 0,
    cistern_spool_bytes: 0,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(counted.get(name), value, name);
  assert.ok((counted.get('cistern_requests_total{operation="blob",result="HIT",status="2xx"}') ?? 0) >= 2);
  assert.ok(
    (counted.get(
      'cistern_upstream_requests_total{upstream="docker.io",operation="head-manifest",outcome="unreachable"}',
    ) ?? 0) >= 1,
  );
  assert.ok((counted.get('cistern_upstream_received_bytes_total{upstream="docker.io"}') ?? 0) >= 2 * layer.length);
});

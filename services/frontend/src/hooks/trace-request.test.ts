import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { openTracing, createLogger } from '@cistern/telemetry';
import { startCollector } from '@cistern/telemetry/testing/start-collector';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const blob = Buffer.from('a blob');

test('a request starts a new trace without secrets, and ignores a trace of its client', async (t) => {
  const collector = await startCollector();
  t.after(() => collector.close());
  const tracing = await openTracing({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url },
    node: 'frontend',
    version: '1',
    log: createLogger({ level: 'error', formatter: 'json' }),
  });
  assert.ok(tracing);
  let within: string | undefined;
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const openBlob: typeof pullThrough.openBlob = async (request) => {
    within = tracing.current()?.traceId;
    return pullThrough.openBlob(request);
  };
  const { url, log } = await startFrontend(t, { pullThrough: { ...pullThrough, openBlob }, tracing });
  const headers = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, authorization: 'Bearer s3cret' };
  const path = `/v2/library/app/blobs/${digestOf(blob)}?sig=s3cret`;
  assert.equal((await sendRequest(url + path, { headers })).status, 200);
  await tracing.close();
  const [span, ...more] = collector.spans();
  assert.deepEqual(more, []);
  assert.equal(span?.name, 'request');
  assert.equal(span.traceId, within);
  assert.equal(log[0]?.['traceId'], span.traceId);
  assert.deepEqual([span.parentSpanId, span.traceId === 'a'.repeat(32)], ['', false]);
  const { 'cistern.request_id': requestId, ...attributes } = span.attributes;
  assert.equal(requestId, log[0]['requestId']);
  assert.deepEqual(attributes, {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'cistern.operation': 'blob',
    'cistern.upstream': 'docker.io',
    'cistern.repository': 'library/app',
    'cistern.reference': digestOf(blob),
    'cistern.cache': 'HIT',
    'cistern.bytes': blob.length,
    'cistern.aborted': false,
  });
  assert.doesNotMatch(JSON.stringify(span), /s3cret/);
});

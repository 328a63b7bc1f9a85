import assert from 'node:assert/strict';
import { test } from 'node:test';
import { register } from 'prom-client';
import { createRequestFacts } from '../request-facts.ts';
import { createRequestCounts } from '../count-requests.ts';
import { createMetrics } from './create-metrics.ts';

test('every set of metrics has a registry of its own', async () => {
  const [one, two] = [createMetrics(), createMetrics()];
  one.fillBytes.inc(5);
  assert.match(await one.registry.metrics(), /^cistern_fill_bytes_total 5$/m);
  assert.match(await two.registry.metrics(), /^cistern_fill_bytes_total 0$/m);
  assert.deepEqual(register.getMetricsAsArray(), []);
});

test('metric names have the prefix and base units, and only counters end in _total', async () => {
  const described = await createMetrics().registry.getMetricsAsJSON();
  for (const { name, type } of described) {
    assert.match(name, /^cistern_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), String(type) === 'counter', name);
    assert.doesNotMatch(name, /_(?:ms|milliseconds|mb|kb)(?:_|$)/);
  }
});

test('known label sets start at zero, and rate limits only when an upstream reports one', async () => {
  const text = await createMetrics({ upstreams: ['docker.io'] }).registry.metrics();
  for (const line of [
    'cistern_requests_total{operation="blob",result="JOINED",status="aborted"} 0',
    'cistern_requests_total{operation="ping",result="NONE",status="2xx"} 0',
    'cistern_request_duration_seconds_count{operation="manifest",result="STALE"} 0',
    'cistern_requests_in_flight{operation="write"} 0',
    'cistern_upstream_requests_total{upstream="docker.io",operation="token",outcome="refused-us"} 0',
    'cistern_fills_total{class="background",result="failed"} 0',
    'cistern_content_mismatches_total{upstream="docker.io"} 0',
    'cistern_store_errors_total{operation="complete"} 0',
    'cistern_window_readers_cast_out_total 0',
  ])
    assert.ok(text.split('\n').includes(line), line);
  assert.doesNotMatch(text, /^cistern_upstream_rate_limit/m);
  assert.doesNotMatch(text, /operation="ping",result="HIT"/);
});

test('the build info has the version', async () => {
  const text = await createMetrics({ version: '1.2.3' }).registry.metrics();
  assert.match(text, /^cistern_build_info\{version="1\.2\.3",node="\d+\.\d+\.\d+"\} 1$/m);
});

test('processMetrics adds the metrics of the process', async () => {
  assert.doesNotMatch(await createMetrics().registry.metrics(), /process_cpu/);
  assert.match(await createMetrics({ processMetrics: true }).registry.metrics(), /^process_cpu_seconds_total /m);
});

test('an ended request is counted by its operation, cache result and status', async () => {
  const metrics = createMetrics();
  const counts = createRequestCounts(metrics);
  const facts = createRequestFacts({ operation: 'blob', cache: 'HIT', status: 206, bytesSent: 100, durationMs: 20 });
  facts.timeToFirstByteMs = 2;
  counts.ended(facts, false);
  counts.ended({ ...facts, aborted: true }, false);
  counts.ended(createRequestFacts({ operation: 'manifest', status: 404 }), false);
  counts.ended(createRequestFacts({ operation: 'manifest', cache: 'HIT', status: 304 }), false);
  counts.ended(createRequestFacts({ operation: 'tags', status: 503 }), false);
  counts.ended(createRequestFacts({ status: 0, aborted: true }), false);
  const lines = (await metrics.registry.metrics()).split('\n');
  for (const line of [
    'cistern_requests_total{operation="blob",result="HIT",status="2xx"} 1',
    'cistern_requests_total{operation="blob",result="HIT",status="aborted"} 1',
    'cistern_requests_total{operation="manifest",result="NONE",status="4xx"} 1',
    'cistern_requests_total{operation="manifest",result="HIT",status="3xx"} 1',
    'cistern_requests_total{operation="tags",result="NONE",status="5xx"} 1',
    'cistern_requests_total{operation="other",result="NONE",status="aborted"} 1',
    'cistern_response_bytes_total{operation="blob",result="HIT"} 200',
    'cistern_request_duration_seconds_sum{operation="blob",result="HIT"} 0.04',
    'cistern_time_to_first_byte_seconds_sum{operation="blob",result="HIT"} 0.004',
  ])
    assert.ok(lines.includes(line), line);
});

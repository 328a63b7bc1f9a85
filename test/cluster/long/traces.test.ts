// A cold pull through a cluster is one trace, from the frontend through the job to the upstream. The trace contains no
// secret.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { sendRequest } from '@cistern/single-node/send-request';
import { type CollectedSpan, startCollector } from '@cistern/telemetry/testing/start-collector';
import { openClusterRig } from '../src/open-cluster-rig.ts';

const collector = await startCollector();
after(() => collector.close());
const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
const { upstream, urlOf } = await openClusterRig({ after }, { cluster: { env } });
const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 20_000_000, seed: 'a layer' }] });

/** Returns the names of a span and its ancestors, the root first. */
function pathTo(span: CollectedSpan, spans: readonly CollectedSpan[]): string[] {
  const around = spans.find(({ spanId, traceId }) => spanId === span.parentSpanId && traceId === span.traceId);
  return [...(around === undefined ? [] : pathTo(around, spans)), `${span.node}: ${span.name}`];
}

const paths = () => collector.spans().map((span) => pathTo(span, collector.spans()).join(' > '));

for (const [content, path, job] of [
  ['a manifest', 'library/app/manifests/latest', 'run revalidate-tag > worker: job revalidate-tag > worker: upstream '],
  [
    'a blob',
    `library/app/blobs/${image.layers[0]!.digest}`,
    'add fetch-blob > worker: job fetch-blob > worker: upstream body',
  ],
] as const)
  test(`the trace of ${content} contains request, job and upstream call`, async () => {
    assert.equal((await sendRequest(urlOf(path))).status, 200);
    const expected = `frontend: request > frontend: ${job}`;
    await until(expected, () => paths().some((found) => found.startsWith(expected)), 60_000);
  });

test('the read of a fill at a worker is part of the trace of the request', async () => {
  const expected = /^frontend: request > .*worker: send fill$/;
  await until('the trace of a fill read exists', () => paths().some((found) => expected.test(found)), 60_000);
  assert.ok(collector.spans().some(({ name }) => name.startsWith('index ')));
  assert.ok(collector.spans().some(({ name }) => name.startsWith('store ')));
});

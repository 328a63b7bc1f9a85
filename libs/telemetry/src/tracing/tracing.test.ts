import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { createLogger } from '../logger.ts';
import { startCollector } from '../testing/start-collector.ts';
import { openTracing, inSpan, type Tracing } from './tracing.ts';

const imported: string[] = [];
registerHooks({
  resolve(specifier, context, next) {
    imported.push(specifier);
    return next(specifier, context);
  },
});
const isLoaded = () => imported.some((specifier) => specifier.startsWith('@opentelemetry/'));
const log = createLogger({ level: 'error', formatter: 'json' });
const inside = { kind: 'internal' } as const;

async function open(t: TestContext, env: Readonly<Record<string, string>> = {}) {
  const collector = await startCollector();
  t.after(() => collector.close());
  const settings = { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`, ...env };
  const tracing = await openTracing({ env: settings, node: 'worker', version: '1.2.3', log });
  const collected = async () => {
    await tracing?.close();
    return collector.spans();
  };
  return { tracing: tracing as Tracing, collected };
}

test('without its environment variables, tracing is off and its SDK is not loaded', async () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
  for (const env of [{}, { ...endpoint, OTEL_SDK_DISABLED: 'true' }, { ...endpoint, OTEL_TRACES_EXPORTER: 'none' }])
    assert.equal(await openTracing({ env, node: 'worker', version: '1', log }), undefined);
  assert.ok(!isLoaded());
});

test('spans started inside a span are its children, also on another node, until it ends', async (t) => {
  const { tracing, collected } = await open(t);
  assert.ok(isLoaded());
  let after: unknown = 'not asked';
  const going = Promise.withResolvers<void>();
  await inSpan(
    tracing,
    'outer',
    { kind: 'server', attributes: { a: 'b', left: undefined } },
    async ({ traceparent }) => {
      await delay(1);
      await inSpan(tracing, 'inner', inside, () => delay(1));
      await inSpan(tracing, 'elsewhere', { kind: 'consumer', parent: traceparent }, () => delay(1));
      void (async () => {
        await delay(20);
        after = tracing.current();
        going.resolve();
      })();
    },
  );
  await going.promise;
  assert.equal(after, undefined);
  await inSpan(tracing, 'another', { kind: 'consumer', parent: 'no traceparent' }, () => delay(1));
  const spans = await collected();
  const [outer, another, ...parts] = ['outer', 'another', 'inner', 'elsewhere'].map(
    (name) => spans.find((span) => span.name === name) ?? assert.fail(name),
  );
  assert.deepEqual([outer!.attributes, outer!.node, outer!.parentSpanId], [{ a: 'b' }, 'worker', '']);
  for (const { traceId, parentSpanId } of parts)
    assert.deepEqual([traceId, parentSpanId], [outer!.traceId, outer!.spanId]);
  assert.notEqual(another!.traceId, outer!.traceId);
  assert.equal(another!.parentSpanId, '');
});

test('a span has the kind of an error, and not its message', async (t) => {
  const { tracing, collected } = await open(t);
  const error = new CacheError('upstream-timeout', 'https://user:s3cret@host did not answer.');
  await assert.rejects(
    inSpan(tracing, 'fails', inside, async () => {
      throw error;
    }),
    error,
  );
  const spans = await collected();
  assert.deepEqual(spans[0]?.attributes, { 'error.type': 'upstream-timeout' });
  assert.doesNotMatch(JSON.stringify(spans), /s3cret/);
});

test('a sampler keeps some traces, and all spans of a trace that another node keeps', async (t) => {
  const env = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  const { tracing, collected } = await open(t, env);
  const parent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  await inSpan(tracing, 'not kept', inside, async ({ traceparent }) => assert.match(traceparent, /-00$/));
  await inSpan(tracing, 'kept', { ...inside, parent }, async ({ traceparent }) => assert.match(traceparent, /-01$/));
  assert.deepEqual(
    (await collected()).map(({ name, traceId }) => [name, traceId]),
    [['kept', 'a'.repeat(32)]],
  );
});

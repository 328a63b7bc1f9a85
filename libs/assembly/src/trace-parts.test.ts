// Traces the parts of a node, without a running node or an exporter.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { createInlineJobs } from '@cistern/jobs/inline';
import type { JobHandlers } from '@cistern/jobs';
import { parseDigest, parseRepositoryName } from '@cistern/oci';
import { createLogger, inSpan, type Span, type Tracing } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import { traceIndex, traceJobHandlers, traceQueue, traceStore, traceUpstream } from './trace-parts.ts';

const log = createLogger({ level: 'error', formatter: 'json' });
const digest = parseDigest(`sha256:${'0'.repeat(64)}`);
const repository = parseRepositoryName('library/app');

/** Records the names of spans in the order in which they end. Each name is prefixed with the names of its parents. */
function createTestTracing() {
  const ended: string[] = [];
  const around = new AsyncLocalStorage<Span>();
  const tracing: Tracing = {
    begin(name, { parent = around.getStore()?.traceparent }) {
      const traceparent = parent === undefined ? name : `${parent} > ${name}`;
      const span: Span = {
        traceparent,
        traceId: '',
        set() {},
        run: (action) => around.run(span, action),
        end: (error) => void ended.push(error === undefined ? traceparent : `${traceparent}!`),
      };
      return span;
    },
    current: () => around.getStore(),
    close: async () => {},
  };
  return { tracing, ended };
}

test('a job is part of its caller’s trace, and so are its calls to index, store and upstream', async (t) => {
  const { tracing, ended } = createTestTracing();
  const index = traceIndex(createTestIndex({ now: Date.now }), tracing);
  const store = traceStore(createMemoryStore(), tracing);
  const body = (async function* () {
    yield Buffer.from('bytes');
  })();
  const plain: Partial<Upstream> = {
    name: 'docker.io',
    getBlob: async () => ({ start: 0, totalSize: 5, body, close() {} }),
    headBlob: () => Promise.reject(new Error('upstream unavailable')),
  };
  const upstream = traceUpstream(plain as Upstream, tracing);
  const handlers: Partial<JobHandlers> = {
    async 'stat-blob'() {
      await index.blobs.get(digest);
      await store.stat(digest);
      for await (const _ of (await upstream.getBlob(repository, digest)).body);
      await upstream.headBlob(repository, digest).catch(() => {});
      return null;
    },
  };
  const one = { interactive: 1, background: 1 };
  const jobs = createInlineJobs({ slots: { blob: one, short: one }, maxWaiting: 10, log });
  const queue = traceQueue(jobs.queue, tracing);
  const workers = jobs.work(traceJobHandlers(handlers as JobHandlers, tracing));
  t.after(() => workers.close(0));
  const payload = { upstream: 'docker.io', repository, digest };
  const options = { class: 'interactive', dedupKey: 'x', timeoutMs: 60_000 } as const;
  await inSpan(tracing, 'request', { kind: 'server' }, () => queue.run('stat-blob', payload, options));
  const job = 'request > run stat-blob > job stat-blob';
  assert.deepEqual(ended, [
    `${job} > index blobs get`,
    `${job} > store stat`,
    `${job} > upstream getBlob`,
    `${job} > upstream body`,
    `${job} > upstream headBlob!`,
    job,
    'request > run stat-blob',
    'request',
  ]);
  ended.length = 0;
  await index.blobs.get(digest);
  assert.deepEqual(ended, [], 'calls without a trace get no span');
  await queue.run('stat-blob', payload, options);
  assert.equal(ended.at(-1), 'job stat-blob', 'but a job starts a trace');
});

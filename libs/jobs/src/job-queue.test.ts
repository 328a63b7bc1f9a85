import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type JobContext, type JobHandlers, measureJobHandlers } from './job-queue.ts';
import { createMetrics } from '@cistern/telemetry';

test('a measured handler works as before, and its duration and result are counted', async () => {
  const metrics = createMetrics();
  const failure = new Error('the store is unavailable');
  const handlers = measureJobHandlers(
    {
      'stat-blob': async () => null,
      async 'fetch-manifest'() {
        throw failure;
      },
    } as unknown as JobHandlers,
    metrics,
  );
  const context: JobContext = { class: 'background', signal: new AbortController().signal };
  assert.equal(await handlers['stat-blob']({} as never, context), null);
  await assert.rejects(handlers['fetch-manifest']({} as never, context), failure);
  const { values } = await metrics.jobDuration.get();
  const countOf = (name: string, result: string) =>
    values.find(
      ({ metricName, labels }) => metricName?.endsWith('_count') && labels.name === name && labels.result === result,
    )?.value;
  assert.deepEqual([countOf('stat-blob', 'done'), countOf('fetch-manifest', 'failed')], [1, 1]);
  assert.ok((await metrics.jobsRunning.get()).values.every(({ value }) => value === 0));
});

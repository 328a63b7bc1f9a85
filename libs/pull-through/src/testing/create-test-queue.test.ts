// Like the real queue, the test queue must not lose a job when the worker of the job is lost.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobHandlers } from '@cistern/jobs';
import { createSimulatedProcess, type SimulatedProcess } from './simulated-process.ts';
import { createTestQueue } from './create-test-queue.ts';

const options = { dedupKey: 'one', class: 'interactive', timeoutMs: 30_000 } as const;
const worksBy = (findWorker: JobHandlers['find-worker']) => ({ 'find-worker': findWorker }) as JobHandlers;

/** Returns a process that is killed at its next call of `pass`. */
function killedByPass(inner: SimulatedProcess): SimulatedProcess {
  return Object.create(inner, {
    pass: {
      async value() {
        await inner.pass();
        inner.kill();
      },
    },
  }) as SimulatedProcess;
}

test('another worker does the job of a worker that is killed while the job fails', async () => {
  const jobs = createTestQueue();
  const killed = createSimulatedProcess('worker-1');
  const first = jobs.join(
    killedByPass(killed),
    worksBy(async () => {
      throw new Error('cut off');
    }),
  );
  killed.onKilled(first.lose);
  const outcome = jobs.queue.run('find-worker', { purpose: 'access' }, options);
  jobs.join(
    createSimulatedProcess('worker-2'),
    worksBy(async () => ({ address: 'worker-2' })),
  );
  assert.deepEqual(await outcome, { address: 'worker-2' });
});

// Starts a worker as a separate process, which a test kills while it has a job.
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type SupervisedProcess, startProcess } from '@cistern/test-servers';
import type { Place } from './jobs-on-redis.ts';

/** Starts a worker that prints `doing …` for each job and finishes none. It is killed after the test at the latest. */
export async function startDoomedWorker(
  t: TestContext,
  port: number,
  { keyPrefix }: Place,
): Promise<SupervisedProcess> {
  const worker = await startProcess({
    command: process.execPath,
    args: [fileURLToPath(new URL('worker-process.ts', import.meta.url)), String(port), keyPrefix],
    name: 'worker',
    ready: { logLine: /^ready$/ },
  });
  t.after(async () => worker.kill());
  return worker;
}

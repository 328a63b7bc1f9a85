// A worker as a process of its own, which a test kills while it has a job.
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type SupervisedProcess, startProcess } from '@cistern/test-servers';
import type { Place } from './jobs-on-redis.ts';

/** Says `doing …` of each job, and ends none. Killed at the end of the test at the latest. */
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

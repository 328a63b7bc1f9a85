// The shape of `GET /v1/jobs`.
import { z } from 'zod';
import { count, time } from './values.ts';

const queue = z.object({
  name: z.string().describe('interactive: clients wait for them; blob: fetches of blobs, short: all others.'),
  waiting: count,
  active: count,
  delayed: count.describe('Jobs that run, or run again, at a certain time.'),
  failed: count.describe('Within the last hour, at most a hundred.'),
  oldestWaitingMs: z.number().describe('How long the oldest waiting job has waited; null: none waits.').nullable(),
});

const jobFailure = z.object({
  queue: z.string(),
  name: z.string().describe('The name of the job.'),
  reason: z.string(),
  at: time('When it failed'),
});

export const jobList = z.object({
  queues: z.array(queue),
  failures: z.array(jobFailure).describe('The latest first, at most 20.'),
});

export type Queue = z.infer<typeof queue>;
export type JobFailure = z.infer<typeof jobFailure>;
export type JobList = z.infer<typeof jobList>;

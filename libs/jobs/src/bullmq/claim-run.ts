// A run of a schedule comes into its queue without its deduplication key, which another job may hold: it takes the key when
// it begins, and from then on it is a job like others.
import type { Job } from 'bullmq';
import type { JobQueueName } from './job-queue-name.ts';
import type { JobProbe, ProbedJob } from './probe-job.ts';
import type { RedisClient } from './redis-clients.ts';

export interface ClaimRunDeps {
  readonly client: RedisClient;
  readonly probe: (job: ProbedJob) => Promise<JobProbe>;
}

/** False: a job of the same key waits or runs, and this run is left out. BullMQ gives the key back at the end of the job. */
export async function claimRun({ client, probe }: ClaimRunDeps, lane: JobQueueName, job: Job): Promise<boolean> {
  const { id = '', deduplicationId } = job;
  if (job.repeatJobKey === undefined || deduplicationId === undefined) return true;
  const key = lane.key(`de:${deduplicationId}`);
  for (let tries = 0; tries < 2; tries += 1) {
    if ((await client.set(key, id, 'NX')) === 'OK') return true;
    const holder = await client.get(key);
    if (holder === id) return true;
    // Which also frees the key of a job that was lost with its worker.
    if (holder !== null && (await probe({ lane, id: holder, deduplicationId })).state === 'pending') return false;
  }
  return false;
}

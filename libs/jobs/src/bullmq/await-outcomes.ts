// Who waits for which job. A message only hurries a look at the job; the look itself happens at once, every half second
// and on every reconnect too, so that a message that nobody heard costs time and nothing else.
import type { JobProbe, ProbedJob } from './probe-job.ts';

const lookEveryMs = 500;

interface Waited {
  readonly job: ProbedJob;
  readonly settle: Set<(outcome: string | undefined) => void>;
  looking: boolean;
  /** Something happened during the look: it may have been too early. */
  lookAgain: boolean;
}

export interface Outcomes {
  /** The encoded outcome, or `undefined` if the job was lost. Rejects with the signal's reason alone. */
  outcomeOf(job: ProbedJob, signal: AbortSignal): Promise<string | undefined>;
  /** The job with this id may have ended. */
  look(jobId: string): void;
  lookAtAll(): void;
}

export function createOutcomes(probe: (job: ProbedJob) => Promise<JobProbe>): Outcomes {
  const waiting = new Map<string, Waited>();
  let timer: NodeJS.Timeout | undefined;

  function enter(job: ProbedJob): Waited {
    const waited = waiting.get(job.id) ?? { job, settle: new Set(), looking: false, lookAgain: false };
    waiting.set(job.id, waited);
    timer ??= setInterval(lookAtAll, lookEveryMs);
    return waited;
  }

  function remove(waited: Waited): void {
    if (waiting.get(waited.job.id) === waited) waiting.delete(waited.job.id);
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  async function lookAt(waited: Waited): Promise<void> {
    waited.lookAgain = true;
    if (waited.looking) return;
    waited.looking = true;
    while (waited.lookAgain && waited.settle.size > 0) {
      waited.lookAgain = false;
      // Redis is away: the next look may find it again, and whoever waits has a deadline.
      const found = await probe(waited.job).catch((): JobProbe => ({ state: 'pending' }));
      if (found.state === 'pending') continue;
      remove(waited);
      for (const settle of waited.settle) settle(found.state === 'ended' ? found.outcome : undefined);
      waited.settle.clear();
    }
    waited.looking = false;
  }

  function lookAtAll(): void {
    for (const waited of waiting.values()) void lookAt(waited);
  }

  return {
    async outcomeOf(job, signal) {
      signal.throwIfAborted();
      const waited = enter(job);
      const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
      const leave = (): void => reject(signal.reason);
      signal.addEventListener('abort', leave);
      waited.settle.add(resolve);
      void lookAt(waited);
      try {
        return await promise;
      } finally {
        signal.removeEventListener('abort', leave);
        waited.settle.delete(resolve);
        if (waited.settle.size === 0) remove(waited);
      }
    },
    look(jobId) {
      const waited = waiting.get(jobId);
      if (waited !== undefined) void lookAt(waited);
    },
    lookAtAll,
  };
}

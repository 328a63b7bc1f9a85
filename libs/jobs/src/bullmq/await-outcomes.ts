// The callers that wait for a job. A message only hurries a look at the job; the look itself happens at once, every second and on
// every reconnect too, so that a missed message costs time and nothing else.
import { createSubscriber, type SubscriberConnectors } from '@cistern/redis/client';
import { untilAborted } from '@cistern/runtime';
import type { JobProbe, ProbedJob } from './job-layout.ts';

const lookEveryMs = 1000;
const openAgainMs = 500;

interface Waited {
  readonly job: ProbedJob;
  readonly settle: Set<(outcome: string | undefined) => void>;
  looking: boolean;
  /** Something happened during the look: it may have been too early. */
  lookAgain: boolean;
}

export function createOutcomes(probe: (job: ProbedJob) => Promise<JobProbe>) {
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
      const found = await probe(waited.job).catch((): JobProbe => ({ state: 'waiting' }));
      if (found.state === 'waiting' || found.state === 'running') continue;
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
    /** The encoded outcome, or `undefined` if the job was lost. Rejects with the signal's reason alone. */
    async outcomeOf(job: ProbedJob, signal: AbortSignal): Promise<string | undefined> {
      signal.throwIfAborted();
      const waited = enter(job);
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      waited.settle.add(resolve);
      void lookAt(waited);
      try {
        return await untilAborted(promise, signal);
      } finally {
        waited.settle.delete(resolve);
        if (waited.settle.size === 0) remove(waited);
      }
    },
    /** The job with this id may have ended. */
    look(jobId: string): void {
      const waited = waiting.get(jobId);
      if (waited !== undefined) void lookAt(waited);
    },
    lookAtAll,
  };
}

export interface EarOptions {
  readonly connectors: SubscriberConnectors;
  readonly channel: string;
  readonly onJob: (jobId: string) => void;
  /** Messages are heard from now on; those before may have been missed. */
  readonly onHearing: () => void;
  readonly onError: (error: unknown) => void;
}

/** Hears which of the jobs that this process waits for have ended, from as soon as Redis is there. */
export function hearEndedJobs({ connectors, channel, onJob, onHearing, onError }: EarOptions) {
  const subscriber = createSubscriber({
    // Every node of a cluster hears every message.
    isSharded: () => false,
    connectors,
    onMessage: (_channel, jobId) => (jobId === undefined ? onHearing() : onJob(jobId)),
  });
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function add(): void {
    subscriber.add(channel).then(onHearing, (error: unknown) => {
      if (isClosed) return;
      onError(error);
      timer = setTimeout(add, openAgainMs);
    });
  }

  add();
  return {
    async close(): Promise<void> {
      isClosed = true;
      clearTimeout(timer);
      await subscriber.close();
    },
  };
}

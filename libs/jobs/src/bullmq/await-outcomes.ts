// Waits for the outcomes of jobs. A message only speeds up the probe of a job. Jobs are also probed immediately, every
// second and after every reconnect, so a missed message costs time and nothing else.
import { createSubscriber, type SubscriberConnectors } from '@cistern/redis/client';
import { untilAborted } from '@cistern/runtime';
import type { JobProbe, ProbedJob } from './job-layout.ts';

const lookEveryMs = 1000;
const openAgainMs = 500;

interface Waited {
  readonly job: ProbedJob;
  readonly settle: Set<(outcome: string | undefined) => void>;
  looking: boolean;
  /** Set if something happened during the probe, which may have been too early. */
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
      // Redis is unavailable. The next probe may succeed, and every caller has a deadline.
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
    /** Returns the encoded outcome, or `undefined` if the job was lost. Rejects only with the signal's reason. */
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
    /** Probes the job with this id, which may have ended. */
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
  /** Called when messages begin to arrive. Earlier ones may have been missed. */
  readonly onHearing: () => void;
  readonly onError: (error: unknown) => void;
}

/** Subscribes to the ends of the jobs for which this process waits, as soon as Redis is reachable. */
export function hearEndedJobs({ connectors, channel, onJob, onHearing, onError }: EarOptions) {
  const subscriber = createSubscriber({
    // Every node of a cluster receives every message.
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

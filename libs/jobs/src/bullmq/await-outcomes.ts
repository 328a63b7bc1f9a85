// Waits for the outcomes of jobs. A job is probed immediately, then every second, after every reconnect, and when a
// message reports its end. So a missed message only delays the outcome.
import { createSubscriber, type SubscriberConnectors } from '@cistern/redis/client';
import { untilAborted } from '@cistern/runtime';
import type { JobProbe, ProbedJob } from './job-layout.ts';

const probeEveryMs = 1000;
const resubscribeAfterMs = 500;

interface WaitingJob {
  readonly job: ProbedJob;
  readonly settle: Set<(outcome: string | undefined) => void>;
  isProbing: boolean;
  /**
   * True if another probe was requested while one runs, because the running probe may have read the state too early.
   */
  probeAgain: boolean;
}

export function createOutcomes(probe: (job: ProbedJob) => Promise<JobProbe>) {
  const waiting = new Map<string, WaitingJob>();
  let timer: NodeJS.Timeout | undefined;

  function enter(job: ProbedJob): WaitingJob {
    const waited = waiting.get(job.id) ?? { job, settle: new Set(), isProbing: false, probeAgain: false };
    waiting.set(job.id, waited);
    timer ??= setInterval(probeAll, probeEveryMs);
    return waited;
  }

  function remove(waited: WaitingJob): void {
    if (waiting.get(waited.job.id) === waited) waiting.delete(waited.job.id);
    if (waiting.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  async function probeJob(waited: WaitingJob): Promise<void> {
    waited.probeAgain = true;
    if (waited.isProbing) return;
    waited.isProbing = true;
    while (waited.probeAgain && waited.settle.size > 0) {
      waited.probeAgain = false;
      // If Redis is unavailable, the job counts as waiting. The next probe may succeed, and every caller has a
      // deadline.
      const found = await probe(waited.job).catch((): JobProbe => ({ state: 'waiting' }));
      if (found.state === 'waiting' || found.state === 'running') continue;
      remove(waited);
      for (const settle of waited.settle) settle(found.state === 'ended' ? found.outcome : undefined);
      waited.settle.clear();
    }
    waited.isProbing = false;
  }

  function probeAll(): void {
    for (const waited of waiting.values()) void probeJob(waited);
  }

  return {
    /** Returns the encoded outcome, or `undefined` if the job was lost. Rejects only with the signal's reason. */
    async outcomeOf(job: ProbedJob, signal: AbortSignal): Promise<string | undefined> {
      signal.throwIfAborted();
      const waited = enter(job);
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      waited.settle.add(resolve);
      void probeJob(waited);
      try {
        return await untilAborted(promise, signal);
      } finally {
        waited.settle.delete(resolve);
        if (waited.settle.size === 0) remove(waited);
      }
    },
    /** Probes the job with this id, if a caller waits for it. */
    probeNow(jobId: string): void {
      const waited = waiting.get(jobId);
      if (waited !== undefined) void probeJob(waited);
    },
    probeAll,
  };
}

export interface EndedJobsOptions {
  readonly connectors: SubscriberConnectors;
  readonly channel: string;
  readonly onJob: (jobId: string) => void;
  /** Called when messages begin to arrive. Earlier messages may have been missed. */
  readonly onSubscribed: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Subscribes to the messages that report the end of jobs for which this process waits. Retries until Redis is
 * reachable.
 */
export function subscribeToEndedJobs({ connectors, channel, onJob, onSubscribed, onError }: EndedJobsOptions) {
  const subscriber = createSubscriber({
    // Every node of a cluster receives every message.
    isSharded: () => false,
    connectors,
    onMessage: (_channel, jobId) => (jobId === undefined ? onSubscribed() : onJob(jobId)),
  });
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function add(): void {
    subscriber.add(channel).then(onSubscribed, (error: unknown) => {
      if (isClosed) return;
      onError(error);
      timer = setTimeout(add, resubscribeAfterMs);
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

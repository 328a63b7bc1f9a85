// What waits in the queues of a cluster: asked of them whenever the metrics are read, by one process for all.
import { Gauge, type Registry } from 'prom-client';
import { answerWithin } from './answer-within.ts';

export interface QueueFacts {
  /** `interactive-blob`, for example. */
  readonly queue: string;
  readonly waiting: number;
  readonly active: number;
  /** Failed within the last hour. */
  readonly failed: number;
  /** How long the oldest that waits has waited, in seconds; 0: none waits. */
  readonly oldestWaitingSeconds: number;
}

/** Gauges without a value are those that could not be asked. */
export function observeJobs(registry: Registry, ask: () => Promise<readonly QueueFacts[]>): void {
  const registers = [registry];
  const oldest = new Gauge({
    name: 'cistern_queue_oldest_waiting_seconds',
    help: 'How long the job that waits longest in a queue has waited.',
    labelNames: ['queue'],
    registers,
  });
  const jobs = new Gauge({
    name: 'cistern_queue_jobs',
    help: 'Jobs in a queue, by state; failed ones are kept for an hour.',
    labelNames: ['queue', 'state'],
    registers,
    async collect() {
      const found = await answerWithin(ask());
      jobs.reset();
      oldest.reset();
      for (const { queue, waiting, active, failed, oldestWaitingSeconds } of found ?? []) {
        for (const [state, count] of Object.entries({ waiting, active, failed })) jobs.set({ queue, state }, count);
        oldest.set({ queue }, oldestWaitingSeconds);
      }
    },
  });
}

// The job queue of the simulated cluster, a double of the BullMQ adapter. Both pass the same conformance suites. Its
// server survives its clients and workers. If a job is lost with its worker, a client that waits for the job adds it
// again.
import { CacheError } from '@cistern/errors';
import type { JobHandlers, JobName, JobQueue, JobResult, JobWorkers, RunOptions, WorkerIdentity } from '@cistern/jobs';
import type { Owner } from '../world/owner.ts';
import { cancel, plan } from '../world/schedule.ts';
import { type BoardOptions, createJobBoard } from './queue/job-board.ts';
import { joinQueue } from './queue/join-queue.ts';
import type { JobRequest } from './queue/queued-job.ts';

export interface SimulatedQueue {
  /** Returns the queue for a client process. The network is not simulated here. */
  connect(owner: Owner | undefined): JobQueue;
  /** Called in the worker's process. */
  join(owner: Owner, handlers: JobHandlers, place?: WorkerIdentity): JobWorkers;
  /** Loses all data, as FLUSHALL does. */
  loseData(): void;
  /** Number of waiting and running jobs. */
  readonly size: number;
}

/** These match the BullMQ adapter. */
const pollMs = 500;
const maxLost = 2;

export function createSimulatedQueue(options: BoardOptions): SimulatedQueue {
  const { random, latencyMs } = options;
  const board = createJobBoard(options);

  /** A client polls the state of its job. */
  const polled = (owner: Owner | undefined) =>
    new Promise<void>((resolve) => plan(random.fraction() * pollMs, resolve, { owner, label: 'job looked at' }));

  const run = async <N extends JobName>(
    owner: Owner | undefined,
    request: JobRequest,
    { timeoutMs, signal, joins }: RunOptions,
  ): Promise<JobResult<N>> => {
    signal?.throwIfAborted();
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => {});
    const tooLate = () => over.reject(overloaded(`A "${request.name}" job did not end within ${timeoutMs} ms.`));
    const late = plan(timeoutMs, tooLate, { owner: undefined, label: 'job late' });
    const onAbort = () => over.reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const running = joins === 'waiting' ? board.find(request) : undefined;
      if (running?.turn !== undefined) await Promise.race([running.outcome.promise, over.promise]);
      for (let lost = 0; lost <= maxLost; lost += 1) {
        const outcome = await Promise.race([board.take(request).outcome.promise, over.promise]);
        if (outcome !== 'lost') {
          if ('error' in outcome) throw outcome.error;
          return outcome.result;
        }
        await Promise.race([polled(owner), over.promise]);
      }
      throw overloaded(`The workers that did this "${request.name}" job were lost before its end.`);
    } finally {
      cancel(late);
      signal?.removeEventListener('abort', onAbort);
    }
  };

  return {
    connect: (owner) => ({
      async add(name, payload, { dedupKey, class: jobClass, traceparent, triedBy }) {
        board.take({ name, payload, dedupKey, class: jobClass, traceparent, triedBy });
      },
      async run<N extends JobName>(name: N, payload: JobRequest['payload'], given: RunOptions) {
        const { dedupKey, class: jobClass, traceparent, triedBy } = given;
        const request: JobRequest = { name, payload, dedupKey, class: jobClass, traceparent, triedBy };
        return run<N>(owner, request, given);
      },
    }),
    join: (owner, handlers, place) => joinQueue(board, owner, { handlers, place, latencyMs }),
    loseData() {
      board.forget();
    },
    get size() {
      return board.size;
    },
  };
}

function overloaded(message: string): CacheError {
  return new CacheError('overloaded', message, { retryable: true });
}

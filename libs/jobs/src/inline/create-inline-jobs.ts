// Runs jobs inside one process. The workers do the jobs that the frontend of the same process adds.
import { isCacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';
import type { JobName, JobPayload, JobResult } from '../catalogue.ts';
import { overloaded, timedOut, tooManyWaiting } from '../job-errors.ts';
import type {
  JobHandler,
  JobHandlers,
  JobOptions,
  JobQueue,
  JobSlots,
  JobWorkers,
  QueueState,
  RunOptions,
} from '../job-queue.ts';
import {
  closeQueues,
  createQueues,
  type InlineJob,
  inspectQueues,
  recordFailure,
  type Queue,
  settleJob,
  type Waiter,
} from './queues.ts';

/** The part of a logger that workers need: fields first, then a constant message. */
interface JobLog {
  error(fields: object, message: string): void;
}

export interface InlineJobsOptions {
  /** How many jobs run at the same time. */
  readonly slots: JobSlots;
  /** The maximum number of waiting jobs in each queue. Further jobs are rejected with `overloaded`. */
  readonly maxWaiting: number;
  readonly log: JobLog;
}

export interface InlineJobs {
  readonly queue: JobQueue;
  /**
   * Starts the workers. Jobs that were added before wait until then. Call it only once. The queue is created earlier,
   * because handlers need it.
   */
  work(handlers: JobHandlers): JobWorkers;
  /** Returns the current state of the queues. */
  inspect(): readonly QueueState[];
}

export function createInlineJobs({ slots, maxWaiting, log }: InlineJobsOptions): InlineJobs {
  const queues = createQueues(slots);
  /** The waiting and running jobs, by key. */
  const jobs = new Map<string, InlineJob>();
  let handlers: JobHandlers | undefined;
  let closing: Promise<void> | undefined;

  function addOrJoin(name: JobName, payload: JobPayload<JobName>, options: JobOptions): InlineJob {
    const { dedupKey, class: jobClass, traceparent } = options;
    checkOpen();
    const key = `${name} ${dedupKey}`;
    const queue = queues.of(name, jobClass);
    const known = jobs.get(key);
    if (known !== undefined) {
      if (jobClass === 'interactive' && queues.of(name, 'background').waiting.has(known)) {
        checkCapacity(queue, name);
        queues.of(name, 'background').waiting.delete(known);
        known.class = 'interactive';
        enqueue(queue, known);
      }
      return known;
    }
    checkCapacity(queue, name);
    const abort = new AbortController();
    const job: InlineJob = {
      key,
      name,
      payload,
      traceparent,
      addedAtMs: Date.now(),
      class: jobClass,
      waiters: new Set(),
      abort,
    };
    jobs.set(key, job);
    enqueue(queue, job);
    return job;
  }

  function findRunning(name: JobName, { dedupKey }: JobOptions): InlineJob | undefined {
    const job = jobs.get(`${name} ${dedupKey}`);
    const isWaiting = job !== undefined && queues.of(name, job.class).waiting.has(job);
    return isWaiting ? undefined : job;
  }

  /** Waits for the end of a job. Rejects as `waitForJob` does if the wait ends before the job. */
  async function untilEnded(job: InlineJob, options: RunOptions): Promise<void> {
    await waitForJob(job, options).catch((error: unknown) => {
      if (jobs.get(job.key) === job) throw error;
    });
  }

  function checkOpen(): void {
    if (closing !== undefined) throw overloaded('The cache is shutting down and accepts no new jobs. Try again.');
  }

  function checkCapacity(queue: Queue, name: JobName): void {
    const startsImmediately = handlers !== undefined && hasSlot(queue);
    if (!startsImmediately && queue.waiting.size >= maxWaiting) throw tooManyWaiting(queue.waiting.size, name);
  }

  function enqueue(queue: Queue, job: InlineJob): void {
    queue.waiting.add(job);
    startWaiting(queue);
  }

  function startWaiting(queue: Queue): void {
    if (handlers === undefined || closing !== undefined) return;
    for (const job of queue.waiting) {
      if (!hasSlot(queue)) return;
      queue.waiting.delete(job);
      queue.running.set(job, performInQueue(handlers, job, queue));
    }
  }

  async function performInQueue(by: JobHandlers, job: InlineJob, queue: Queue): Promise<void> {
    // The handler never runs inside the caller's own call.
    await Promise.resolve();
    await perform(by, job, queue);
    queue.running.delete(job);
    startWaiting(queue);
  }

  /** Releases the key of a job, unless another job has the same key by now. */
  function endJob(job: InlineJob): void {
    if (jobs.get(job.key) === job) jobs.delete(job.key);
  }

  async function perform(by: JobHandlers, job: InlineJob, queue: Queue): Promise<void> {
    // The compiler knows only at `add` and `run` that the payload and the handler have matching types.
    const handle = by[job.name] as JobHandler<JobName>;
    try {
      const { class: jobClass, traceparent, abort } = job;
      const result = await handle(job.payload, { class: jobClass, traceparent, signal: abort.signal });
      endJob(job);
      settleJob(job, (waiter) => waiter.resolve(result));
    } catch (error) {
      if (!isCacheError(error) && !job.abort.signal.aborted)
        log.error({ err: error, job: job.name, class: job.class }, 'job failed unexpectedly');
      recordFailure(queue, job, error, Date.now());
      endJob(job);
      settleJob(job, (waiter) => waiter.reject(error));
    }
  }

  const queue: JobQueue = {
    async add(name, payload, options) {
      addOrJoin(name, payload, options);
    },
    async run<N extends JobName>(name: N, payload: JobPayload<N>, options: RunOptions) {
      const { timeoutMs, signal, joins } = options;
      signal?.throwIfAborted();
      const startedMs = performance.now();
      const running = joins === 'waiting' ? findRunning(name, options) : undefined;
      if (running !== undefined) await untilEnded(running, options);
      const leftMs = Math.max(0, timeoutMs - (performance.now() - startedMs));
      return waitForJob<N>(addOrJoin(name, payload, options), { timeoutMs: leftMs, signal });
    },
  };

  return {
    queue,
    inspect: () => inspectQueues(queues.all, Date.now()),
    work(newHandlers) {
      if (handlers !== undefined) throw new Error('the workers of these inline jobs have already been started');
      handlers = newHandlers;
      queues.all.forEach(startWaiting);
      return {
        close(graceMs) {
          closing ??= closeQueues(queues.all, graceMs);
          return closing;
        },
      };
    },
  };
}

function hasSlot({ running, slots }: Queue): boolean {
  return running.size < slots;
}

/** Waits for a job. The caller knows that the name of the job is `N`. */
async function waitForJob<N extends JobName>(
  job: InlineJob,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<JobResult<N>> {
  const { promise, resolve, reject } = Promise.withResolvers<JobResult<N>>();
  const waiter: Waiter = { resolve, reject };
  const timer = setTimeout(() => reject(timedOut(job.name, timeoutMs)), timeoutMs);
  job.waiters.add(waiter);
  try {
    return await untilAborted(promise, signal);
  } finally {
    job.waiters.delete(waiter);
    clearTimeout(timer);
  }
}

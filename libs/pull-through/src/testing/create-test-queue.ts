// A job queue between the processes of a test cluster. The test chooses the worker for each job. As in a real queue, the jobs
// of a lost worker are repeated by another worker.
import {
  handsOver,
  type JobClass,
  type JobContext,
  type JobHandlers,
  type JobName,
  type JobOptions,
  type JobPayload,
  type JobQueue,
  type JobResult,
} from '@cistern/jobs';
import { CacheError } from '@cistern/errors';
import type { SimulatedProcess } from './simulated-process.ts';

interface Job {
  readonly key: string;
  readonly name: JobName;
  readonly payload: JobPayload<JobName>;
  readonly class: JobClass;
  triedBy: readonly string[];
  readonly settled: PromiseWithResolvers<JobResult<JobName>>;
  hasEnded: boolean;
}

interface Worker {
  readonly process: SimulatedProcess;
  readonly handlers: JobHandlers;
  readonly running: Map<Job, Promise<void>>;
  readonly abort: AbortController;
  closing: boolean;
}

export interface TestQueue {
  readonly queue: JobQueue;
  /**
   * Returns the name of the worker for a job. `any`, the default, is the first worker that can take it. `undefined` lets the
   * job wait until `dispatch`.
   */
  route: (name: JobName, payload: JobPayload<JobName>) => string | undefined;
  /** All jobs that were added, without those that joined another job. */
  readonly added: { readonly name: JobName; readonly payload: JobPayload<JobName> }[];
  /** Starts the waiting jobs that have a worker now. */
  dispatch(): void;
  join(process: SimulatedProcess, handlers: JobHandlers): TestJobWorker;
}

interface TestJobWorker {
  /** Works like `JobWorkers.close`. */
  close(graceMs: number): Promise<void>;
  /** Gives the jobs of this worker to other workers after a while, because it was killed or seems to be dead. */
  lose(): void;
  /** Aborts the remaining jobs of a killed worker. */
  end(): void;
}

const lostAfterMs = 400;
const abortedMs = 1_000;
type AnyHandler = (payload: JobPayload<JobName>, context: JobContext) => Promise<JobResult<JobName>>;

export function createTestQueue(): TestQueue {
  const jobs = new Map<string, Job>();
  const waiting = new Set<Job>();
  const workers = new Set<Worker>();

  const perform = async (worker: Worker, job: Job) => {
    await Promise.resolve();
    const handle = worker.handlers[job.name] as AnyHandler;
    const place = { id: worker.process.name, countWorkers: async () => [...workers].filter(isAble).length };
    const passOn: JobContext['handsOver'] = async (error) => handsOver(place, error, job.triedBy);
    try {
      const context = { class: job.class, signal: worker.abort.signal, handsOver: passOn };
      const result = await handle(job.payload, context);
      await worker.process.pass();
      end(worker, job);
      job.settled.resolve(result);
    } catch (error) {
      await worker.process.pass().catch(() => {});
      // A killed worker keeps its job, so that `lose` finds the job.
      if (worker.process.state === 'killed') return;
      const triedBy = await passOn(error);
      job.triedBy = triedBy ?? job.triedBy;
      if (worker.abort.signal.aborted || triedBy !== undefined) return handBack(worker, job);
      end(worker, job);
      job.settled.reject(error);
    }
  };

  /** Puts the job back into the queue, so that another worker runs it from the beginning. */
  const handBack = (worker: Worker, job: Job) => {
    worker.running.delete(job);
    waiting.add(job);
    dispatch();
  };

  const end = (worker: Worker, job: Job) => {
    worker.running.delete(job);
    job.hasEnded = true;
    if (jobs.get(job.key) === job) jobs.delete(job.key);
  };

  const dispatch = () => {
    for (const job of waiting) {
      const all = [...workers].filter(isAble);
      const others = all.filter(({ process }) => !job.triedBy.includes(process.name));
      const able = others.length > 0 ? others : all;
      const name = test.route(job.name, job.payload) ?? '';
      const worker = able.find(({ process }) => process.name === name) ?? (name === 'any' ? able[0] : undefined);
      if (worker === undefined) continue;
      waiting.delete(job);
      worker.running.set(job, perform(worker, job));
    }
  };

  const take = (name: JobName, payload: JobPayload<JobName>, options: JobOptions) => {
    const { dedupKey, class: jobClass, triedBy = [] } = options;
    const key = `${name} ${dedupKey}`;
    const known = jobs.get(key);
    if (known !== undefined) return known;
    const settled = Promise.withResolvers<JobResult<JobName>>();
    settled.promise.catch(() => {});
    const job: Job = { key, name, payload, class: jobClass, triedBy, settled, hasEnded: false };
    test.added.push({ name, payload });
    jobs.set(key, job);
    waiting.add(job);
    dispatch();
    return job;
  };

  const test: TestQueue = {
    route: () => 'any',
    added: [],
    dispatch,
    queue: {
      async add(name, payload, options) {
        take(name, payload, options);
      },
      async run<N extends JobName>(name: N, payload: JobPayload<N>, options: Parameters<JobQueue['run']>[2]) {
        options.signal?.throwIfAborted();
        const known = jobs.get(`${name} ${options.dedupKey}`);
        if (options.joins === 'waiting' && known !== undefined && !waiting.has(known))
          await known.settled.promise.catch(() => {});
        const job = take(name, payload, options);
        const late = Promise.withResolvers<never>();
        const timer = setTimeout(
          () => late.reject(new CacheError('overloaded', 'No worker took the job.')),
          options.timeoutMs,
        );
        try {
          return (await Promise.race([job.settled.promise, late.promise])) as JobResult<N>;
        } finally {
          clearTimeout(timer);
        }
      },
    },
    join(process, handlers) {
      const running = new Map<Job, Promise<void>>();
      const worker: Worker = { process, handlers, running, abort: new AbortController(), closing: false };
      workers.add(worker);
      dispatch();
      return {
        async close(graceMs) {
          worker.closing = true;
          const ended = Promise.all(running.values());
          await within(ended, graceMs);
          worker.abort.abort(new Error('the worker closes'));
          await within(ended, abortedMs);
          workers.delete(worker);
        },
        lose() {
          const timer = setTimeout(() => {
            for (const job of running.keys()) if (!job.hasEnded) waiting.add(job);
            dispatch();
          }, lostAfterMs);
          timer.unref();
        },
        end: () => worker.abort.abort(new Error('the worker was killed')),
      };
    },
  };
  return test;
}

function isAble({ process, closing }: Worker): boolean {
  return process.state === 'running' && !closing;
}

async function within(ended: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([ended, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}

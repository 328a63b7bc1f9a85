// The job queue as a service of the simulated cluster: it survives its clients, gives jobs to workers that have a free slot, and
// gives a job to another worker when its own has not been heard of for a while. Not BullMQ: what that does is a contract of
// its adapter.
import { CacheError } from '@cistern/errors';
import type { JobClass, JobHandlers, JobName, JobPayload, JobQueue, JobResult, JobWorkers } from '@cistern/jobs';
import { type Owner, runAs } from '../world/owner.ts';
import type { Random } from '../world/random.ts';
import { plan, schedule } from '../world/schedule.ts';

type AnyHandler = (payload: JobPayload<JobName>, context: object) => Promise<JobResult<JobName>>;

interface Job {
  readonly key: string;
  readonly name: JobName;
  readonly payload: JobPayload<JobName>;
  readonly class: JobClass;
  readonly settled: PromiseWithResolvers<JobResult<JobName>>;
  /** Of the worker that does it. */
  turn: Turn | undefined;
  triesLeft: number;
}

/** One worker's try at one job. */
interface Turn {
  readonly worker: Worker;
  heardAtMs: number;
}

interface Worker {
  readonly owner: Owner;
  readonly handlers: JobHandlers;
  readonly running: Map<Job, Promise<void>>;
  readonly abort: AbortController;
  closing: boolean;
}

export interface SimulatedQueue {
  /** As a client has it, before the network. */
  readonly queue: JobQueue;
  /** Called in the worker's process. */
  join(owner: Owner, handlers: JobHandlers): JobWorkers;
  /** Jobs that wait or run. */
  readonly size: number;
}

const lockMs = 4_000;
const pollMs = 500;
const slots = { blob: 8, short: 32 };
const retries = 3;
const retryAfterMs = 1_000;
const abortedMs = 1_000;

const groupOf = (name: JobName) => (name === 'fetch-blob' || name === 'prewarm-blobs' ? 'blob' : 'short');

export function createSimulatedQueue({
  random,
  latencyMs,
}: {
  random: Random;
  latencyMs: () => number;
}): SimulatedQueue {
  const jobs = new Map<string, Job>();
  const waiting = new Set<Job>();
  const workers = new Set<Worker>();
  const schedules = new Map<string, { readonly everyMs: number }>();

  const hasSlot = ({ running }: Worker, job: Job) => {
    const same = [...running.keys()].filter(
      (one) => one.class === job.class && groupOf(one.name) === groupOf(job.name),
    );
    return same.length < slots[groupOf(job.name)];
  };

  let looksAgain = false;
  const look = () => {
    // Workers that were frozen ask for jobs when they are awake.
    if (waiting.size > 0 && !looksAgain) {
      looksAgain = true;
      const again = () => {
        looksAgain = false;
        look();
      };
      plan(pollMs, again, { owner: undefined, label: 'jobs wait' });
    }
    for (const job of waiting) {
      const able = [...workers].filter((one) => one.owner.state === 'running' && !one.closing && hasSlot(one, job));
      if (able.length === 0) continue;
      waiting.delete(job);
      give(job, random.pick(able));
    }
  };

  const give = (job: Job, worker: Worker) => {
    const turn: Turn = { worker, heardAtMs: schedule.nowMs };
    job.turn = turn;
    plan(latencyMs(), () => worker.running.set(job, perform(job, turn)), {
      owner: worker.owner,
      label: `job ${job.name}`,
    });
    watch(job, turn);
  };

  /** A worker renews its lock as long as it runs. */
  const watch = (job: Job, turn: Turn) => {
    const check = () => {
      if (job.turn !== turn) return;
      if (turn.worker.owner.state === 'running') turn.heardAtMs = schedule.nowMs;
      if (schedule.nowMs - turn.heardAtMs >= lockMs) requeue(job, 0);
      else plan(lockMs / 4, check, { owner: undefined, label: 'job lock' });
    };
    runAs(undefined, check);
  };

  const requeue = (job: Job, delayMs: number) => {
    job.turn = undefined;
    const wait = () => {
      waiting.add(job);
      look();
    };
    plan(delayMs, wait, { owner: undefined, label: 'job waits' });
  };

  const perform = async (job: Job, turn: Turn): Promise<void> => {
    const { worker } = turn;
    const { signal } = worker.abort;
    const handle = worker.handlers[job.name] as AnyHandler;
    const report = (settle: () => void) =>
      plan(latencyMs(), () => job.turn === turn && settle(), { owner: undefined, label: `job ${job.name} ended` });
    try {
      const stepAside = () => void report(() => end(job, () => job.settled.resolve(null)));
      const result = await handle(job.payload, { class: job.class, signal, stepAside });
      report(() => end(job, () => job.settled.resolve(result)));
    } catch (error) {
      const isRetried =
        job.class === 'background' && error instanceof CacheError && error.retryable && job.triesLeft > 0;
      report(() => {
        if (signal.aborted) return requeue(job, 0);
        if (!isRetried) return end(job, () => job.settled.reject(error));
        job.triesLeft -= 1;
        return requeue(job, retryAfterMs);
      });
    } finally {
      worker.running.delete(job);
      plan(latencyMs(), look, { owner: undefined, label: 'slot free' });
    }
  };

  const end = (job: Job, settle: () => void) => {
    job.turn = undefined;
    if (jobs.get(job.key) === job) jobs.delete(job.key);
    settle();
  };

  const take = (name: JobName, payload: JobPayload<JobName>, dedupKey: string, jobClass: JobClass): Job => {
    const key = `${jobClass} ${name} ${dedupKey}`;
    const known = jobs.get(key);
    if (known !== undefined) return known;
    const settled = Promise.withResolvers<JobResult<JobName>>();
    settled.promise.catch(() => {});
    const job: Job = { key, name, payload, class: jobClass, settled, turn: undefined, triesLeft: retries };
    jobs.set(key, job);
    waiting.add(job);
    look();
    return job;
  };

  return {
    queue: {
      async add(name, payload, options) {
        take(name, payload, options.dedupKey, options.class);
      },
      async run<N extends JobName>(name: N, payload: JobPayload<N>, options: Parameters<JobQueue['run']>[2]) {
        const { signal, timeoutMs, dedupKey } = options;
        signal?.throwIfAborted();
        const job = take(name, payload, dedupKey, options.class);
        const over = Promise.withResolvers<never>();
        plan(
          timeoutMs,
          () => over.reject(new CacheError('overloaded', 'No worker took the job in time.', { retryable: true })),
          {
            owner: undefined,
            label: 'job late',
          },
        );
        const onAbort = () => over.reject(signal?.reason);
        signal?.addEventListener('abort', onAbort, { once: true });
        try {
          return (await Promise.race([job.settled.promise, over.promise])) as JobResult<N>;
        } finally {
          signal?.removeEventListener('abort', onAbort);
        }
      },
      async schedule(name, payload, { everyMs, dedupKey }) {
        const key = `${name} ${dedupKey}`;
        if (schedules.get(key)?.everyMs === everyMs) return;
        const own = { everyMs };
        schedules.set(key, own);
        const again = () => {
          if (schedules.get(key) !== own) return;
          take(name, payload, dedupKey, 'background');
          plan(everyMs, again, { owner: undefined, label: `schedule ${name}`, keepsAlive: false });
        };
        again();
      },
    },
    join(owner, handlers) {
      const worker: Worker = { owner, handlers, running: new Map(), abort: new AbortController(), closing: false };
      workers.add(worker);
      plan(latencyMs(), look, { owner: undefined, label: 'worker joined' });
      return {
        async close(graceMs) {
          worker.closing = true;
          const ended = () => Promise.allSettled(worker.running.values());
          await withinMs(ended(), graceMs);
          worker.abort.abort(new Error('the worker ends'));
          await withinMs(ended(), abortedMs);
          workers.delete(worker);
        },
      };
    },
    get size() {
      return jobs.size;
    },
  };
}

async function withinMs(work: Promise<unknown>, delayMs: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, delayMs);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}

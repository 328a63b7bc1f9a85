// The server of the simulated queue. It keeps the waiting jobs, assigns them to workers, and loses the jobs of lost
// workers.
import type { JobClass, JobName } from '@cistern/jobs';
import type { Owner } from '../../world/owner.ts';
import type { Random } from '../../world/random.ts';
import { plan, schedule } from '../../world/schedule.ts';
import { type JobRequest, type JobOutcome, type QueuedJob, createJob } from './queued-job.ts';

/** One worker's attempt at one job. */
export interface Turn {
  readonly worker: BoardWorker;
  readonly job: QueuedJob;
  /** The time at which the worker last renewed its lock on the job. */
  renewedAtMs: number;
}

export interface BoardWorker {
  readonly owner: Owner;
  /** The turns that occupy job slots of this worker. */
  readonly turns: Set<Turn>;
  isClosing: boolean;
  /** Called in the worker's process. */
  begin(turn: Turn): void;
}

export interface JobBoard {
  /** Returns the waiting or running job of this key, or a new one. */
  take(request: JobRequest): QueuedJob;
  find(request: Omit<JobRequest, 'payload'>): QueuedJob | undefined;
  /** `end`, `giveBack` and `retry` do nothing if the job no longer belongs to the turn. */
  end(turn: Turn, outcome: JobOutcome): void;
  /** Puts the job at the head of the queue. */
  giveBack(turn: Turn): void;
  retry(turn: Turn, delayMs: number): void;
  freeSlot(turn: Turn): void;
  join(worker: BoardWorker): void;
  leave(worker: BoardWorker): void;
  /** Loses all jobs, including the running ones. */
  forget(): void;
  /** Number of waiting and running jobs. */
  readonly size: number;
}

export interface BoardOptions {
  readonly random: Random;
  readonly latencyMs: () => number;
  /** Number of job slots of each worker, for blobs and for other jobs. */
  readonly slots: Readonly<Record<JobClass, number>>;
}

/** These three match the BullMQ adapter. */
const lockMs = 4_000;
const renewLockMs = 1_000;
const groupOf = (name: JobName) => (name === 'fetch-blob' || name === 'prewarm-blobs' ? 'blob' : 'short');
/** Workers poll for jobs, so that a worker that was frozen finds jobs after it continues. */
const pollMs = 500;

const keyOf = (request: Omit<JobRequest, 'payload'>) => `${request.class} ${request.name} ${request.dedupKey}`;

export function createJobBoard({ random, latencyMs, slots }: BoardOptions): JobBoard {
  const jobs = new Map<string, QueuedJob>();
  let waiting: QueuedJob[] = [];
  const workers = new Set<BoardWorker>();
  let isPolling = false;

  const isAble = ({ owner, isClosing, turns }: BoardWorker, job: QueuedJob) => {
    if (owner.state !== 'running' || isClosing) return false;
    const isOfQueue = ({ job: other }: Turn) => other.class === job.class && groupOf(other.name) === groupOf(job.name);
    return [...turns].filter(isOfQueue).length < slots[job.class];
  };

  const assignWaiting = () => {
    waiting = waiting.filter((job) => {
      const able = [...workers].filter((worker) => isAble(worker, job));
      if (able.length > 0) assign(job, random.pick(able));
      return able.length === 0;
    });
    if (waiting.length === 0 || isPolling) return;
    isPolling = true;
    const again = () => {
      isPolling = false;
      assignWaiting();
    };
    plan(pollMs, again, { owner: undefined, label: 'jobs wait', keepsAlive: false });
  };

  const assign = (job: QueuedJob, worker: BoardWorker) => {
    const turn: Turn = { worker, job, renewedAtMs: schedule.nowMs };
    job.turn = turn;
    worker.turns.add(turn);
    plan(latencyMs(), () => worker.begin(turn), { owner: worker.owner, label: `job ${job.name}` });
    watch(turn);
  };

  const find: JobBoard['find'] = (request) => {
    const job = jobs.get(keyOf(request));
    return job?.isLost === true ? undefined : job;
  };

  const leaveTurn = ({ job }: Turn, act: () => void, delayMs = 0) => {
    job.turn = undefined;
    plan(delayMs, () => (job.isLost ? undefined : (act(), assignWaiting())), { owner: undefined, label: 'job waits' });
  };

  return {
    find,
    take(request) {
      const known = find(request);
      if (known !== undefined) return known;
      const job = createJob(request);
      jobs.set(keyOf(request), job);
      waiting.push(job);
      assignWaiting();
      return job;
    },
    end(turn, outcome) {
      const { job } = turn;
      if (job.turn !== turn) return;
      job.turn = undefined;
      if (jobs.get(keyOf(job)) === job) jobs.delete(keyOf(job));
      job.outcome.resolve(outcome);
    },
    giveBack(turn) {
      if (turn.job.turn === turn) leaveTurn(turn, () => waiting.unshift(turn.job));
    },
    retry(turn, delayMs) {
      if (turn.job.turn === turn) leaveTurn(turn, () => waiting.push(turn.job), delayMs);
    },
    freeSlot(turn) {
      if (turn.worker.turns.delete(turn)) plan(latencyMs(), assignWaiting, { owner: undefined, label: 'slot free' });
    },
    join(worker) {
      workers.add(worker);
      plan(latencyMs(), assignWaiting, { owner: undefined, label: 'worker joined' });
    },
    leave: (worker) => void workers.delete(worker),
    forget() {
      waiting = [];
      for (const job of jobs.values()) lose(job);
      jobs.clear();
    },
    get size() {
      return [...jobs.values()].filter(({ isLost }) => !isLost).length;
    },
  };
}

/** Renews the lock of a turn while its worker runs. */
function watch(turn: Turn): void {
  if (turn.job.turn !== turn) return;
  if (turn.worker.owner.state === 'running') turn.renewedAtMs = schedule.nowMs;
  if (schedule.nowMs - turn.renewedAtMs >= lockMs) lose(turn.job);
  else plan(renewLockMs, () => watch(turn), { owner: undefined, label: 'job lock', keepsAlive: false });
}

/** Loses a job with its worker. The job keeps its key until a client requests it again. */
function lose(job: QueuedJob): void {
  job.turn = undefined;
  job.isLost = true;
  job.outcome.resolve('lost');
}

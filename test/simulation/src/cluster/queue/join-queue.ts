// The worker's side of the simulated queue. It runs the jobs that it receives until it is closed.
import { CacheError } from '@cistern/errors';
import {
  handsOver,
  type JobContext,
  type JobHandlers,
  type JobName,
  type JobPayload,
  type JobResult,
  type JobWorkers,
  type WorkerIdentity,
} from '@cistern/jobs';
import type { Owner } from '../../world/owner.ts';
import { plan } from '../../world/schedule.ts';
import type { BoardWorker, JobBoard, Turn } from './job-board.ts';
import { failureOf, outcomeOf } from './queued-job.ts';

type AnyHandler = (payload: JobPayload<JobName>, context: JobContext) => Promise<JobResult<JobName>>;

/** These match the BullMQ adapter. */
const endAfterAbortMs = 1_000;
const backgroundTries = 3;
const maxRetryDelayMs = 60_000;
const putBackMs = 100;
const maxPutBacks = 20;

export interface JoinOptions {
  readonly handlers: JobHandlers;
  readonly place?: WorkerIdentity | undefined;
  readonly latencyMs: () => number;
}

/** Registers a worker. Must be called in the process of `owner`. */
export function joinQueue(board: JobBoard, owner: Owner, { handlers, place, latencyMs }: JoinOptions): JobWorkers {
  const handling = new AbortController();
  const running = new Set<Promise<void>>();

  /** Creates a function that reports the end of a turn to the server. Only its first call has an effect. */
  const createReport = (turn: Turn) => {
    let hasReported = false;
    return (act: () => void) => {
      if (hasReported) return;
      hasReported = true;
      plan(latencyMs(), act, { owner: undefined, label: `job ${turn.job.name} ended` });
      board.freeSlot(turn);
    };
  };

  const perform = async (turn: Turn): Promise<void> => {
    const { job } = turn;
    const report = createReport(turn);
    if (worker.isClosing) return report(() => board.giveBack(turn));
    if (place !== undefined && job.triedBy.includes(place.id) && job.putBacks < maxPutBacks) {
      job.putBacks += 1;
      return report(() => board.retry(turn, putBackMs));
    }
    const context: JobContext = {
      class: job.class,
      traceparent: job.traceparent,
      signal: handling.signal,
      handsOver: (error) => handsOver(place, error, job.triedBy),
    };
    try {
      const result = await (handlers[job.name] as AnyHandler)(job.payload, context);
      report(() => board.end(turn, outcomeOf(result)));
    } catch (error) {
      if (handling.signal.aborted) return report(() => board.giveBack(turn));
      const triedBy = await handsOver(place, error, job.triedBy);
      if (triedBy !== undefined) {
        job.triedBy = triedBy;
        return report(() => board.giveBack(turn));
      }
      job.failures += 1;
      const delayMs = retryDelayOf(turn, error);
      report(() => (delayMs === undefined ? board.end(turn, failureOf(error)) : board.retry(turn, delayMs)));
    }
  };

  const worker: BoardWorker = {
    owner,
    turns: new Set(),
    isClosing: false,
    begin(turn) {
      const performed = perform(turn).finally(() => running.delete(performed));
      running.add(performed);
    },
  };
  board.join(worker);

  const end = async (graceMs: number) => {
    worker.isClosing = true;
    if (!(await endWithin(running, graceMs))) {
      handling.abort(new CacheError('overloaded', 'The worker shuts down.', { retryable: true }));
      await endWithin(running, endAfterAbortMs);
      for (const turn of worker.turns) board.giveBack(turn);
    }
    board.leave(worker);
  };

  let closing: Promise<void> | undefined;
  return { close: (graceMs) => (closing ??= end(graceMs)) };
}

/** Returns the delay before the retry, or `undefined` for a job that is not retried. */
function retryDelayOf({ job }: Turn, error: unknown): number | undefined {
  if (job.class !== 'background' || job.failures >= backgroundTries) return undefined;
  if (!(error instanceof CacheError) || !error.retryable) return undefined;
  const { retryAfterMs = 1_000 * 2 ** job.failures } = error;
  return retryAfterMs <= maxRetryDelayMs ? retryAfterMs : undefined;
}

async function endWithin(running: ReadonlySet<Promise<void>>, delayMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), delayMs);
  const ended = Promise.allSettled(running).then(() => true);
  const isInTime = await Promise.race([ended, late.promise]);
  clearTimeout(timer);
  return isInTime;
}

// Parks a worker's fetches of blobs (decision 0063). A job ends as soon as its fetch is parked, so a slow upstream blocks
// neither the queue nor other upstreams. When the fetch is admitted, it claims the lease. It ends immediately if another worker
// has the lease by then.
import {
  type JobClass,
  type JobContext,
  type JobHandlers,
  type JobPayload,
  type JobQueue,
  shuttingDown,
} from '@cistern/jobs';
import { fillJobKey } from '@cistern/fills';
import type { Logger } from '@cistern/telemetry';
import { endsWithin } from '@cistern/runtime';
import { type FillLine, type ParkedFill, createFillLine } from './create-fill-line.ts';

export interface ParkFillsOptions {
  /** The handlers to wrap. Their `fetch-blob` runs when a fetch is admitted. */
  readonly handlers: JobHandlers;
  /**
   * How many fetches of each class run at a time. Resumed fetches, and fetches of an upstream below its ensured share, may exceed it,
   * up to twice as many.
   */
  readonly slots: Readonly<Record<JobClass, number>>;
  /** Gets the parked fetches back when this worker shuts down. */
  readonly queue: JobQueue;
  readonly log: Logger;
  /** Called whenever the number of parked fetches has changed. */
  readonly onParked?: (jobClass: JobClass, parked: number) => void;
}

export interface ParkedFills {
  /** The given handlers, except that `fetch-blob` only parks the fetch. It waits while 10,000 fetches are parked. */
  readonly handlers: JobHandlers;
  /**
   * Stops admission and returns parked fetches to the queue. Running fetches have `graceMs` to end. Then they are aborted, and
   * have one more second. Resolves after that. Further calls have no effect.
   */
  close(graceMs: number): Promise<void>;
}

type FetchJob = JobPayload<'fetch-blob'>;

export interface FillContext extends JobContext {
  /** Frees the slot of a fetch that only waits for the store, or has no reader. The fetch continues. */
  readonly freeSlot?: () => void;
}

const maxParked = 10_000;
const endAfterAbortMs = 1_000;

export function parkFills({ handlers, slots, queue, log, onParked }: ParkFillsOptions): ParkedFills {
  const run: (job: FetchJob, context: FillContext) => Promise<null> = handlers['fetch-blob'];
  const lines = { interactive: createFillLine(slots.interactive), background: createFillLine(slots.background) };
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let left = Promise.withResolvers<void>();
  let closing: Promise<void> | undefined;

  function report(jobClass: JobClass): void {
    left.resolve();
    left = Promise.withResolvers();
    onParked?.(jobClass, lines[jobClass].size);
  }

  function admit(jobClass: JobClass): void {
    const line = lines[jobClass];
    for (let next = line.next(performance.now()); next !== undefined; next = line.next(performance.now())) {
      const performed = perform(line, next).finally(() => running.delete(performed));
      running.add(performed);
    }
    report(jobClass);
  }

  async function perform(line: FillLine, parked: ParkedFill): Promise<void> {
    const { job, context } = parked;
    let hasSlot = true;
    const freeSlot = () => {
      if (!hasSlot) return;
      hasSlot = false;
      line.release(job.upstream);
      if (closing === undefined) admit(context.class);
    };
    try {
      // Starts the fetch later, so that it never starts inside the call that parks it.
      await Promise.resolve();
      await run(job, { ...context, signal: stopping.signal, freeSlot });
    } catch (error) {
      const triedBy = await context.handsOver?.(error);
      if (stopping.signal.aborted || triedBy !== undefined) await giveBack(parked, triedBy);
      else log.warn({ err: error, digest: job.digest }, 'fetch ended without a result');
    } finally {
      freeSlot();
    }
  }

  async function giveBack({ job, context }: ParkedFill, triedBy?: readonly string[]): Promise<void> {
    const { class: jobClass, traceparent } = context;
    const dedupKey = fillJobKey(job.digest, job.replaces);
    await queue
      .add('fetch-blob', job, { dedupKey, class: jobClass, traceparent, triedBy })
      .catch((error: unknown) =>
        log.debug({ err: error, digest: job.digest }, 'failed to return parked fetch to queue'),
      );
  }

  async function end(graceMs: number): Promise<void> {
    const parked = [...lines.interactive.clear(), ...lines.background.clear()];
    left.resolve();
    const returned = Promise.all(parked.map((fill) => giveBack(fill)));
    if (!(await endsWithin(Promise.all([...running, returned]), graceMs))) {
      stopping.abort(shuttingDown());
      await endsWithin(Promise.all(running), endAfterAbortMs);
    }
  }

  return {
    handlers: {
      ...handlers,
      async 'fetch-blob'(job, context) {
        while (lines.interactive.size + lines.background.size >= maxParked) {
          context.signal.throwIfAborted();
          await left.promise;
        }
        if (closing !== undefined) throw shuttingDown();
        lines[context.class].park({ job, context, requestedAtMs: performance.now() });
        admit(context.class);
        return null;
      },
    },
    close(graceMs) {
      closing ??= end(graceMs);
      return closing;
    },
  };
}

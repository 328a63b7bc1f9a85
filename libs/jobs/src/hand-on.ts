// A job that fails for a reason of its worker's own, its network or its disk, is done again by another worker (decision 0064).
import { isCacheError } from '@cistern/errors';
import type { JobOptions } from './job-queue.ts';

/** A worker among others. */
export interface WorkerPlace {
  /** The address of this process. */
  readonly id: string;
  /** How many workers live, this one included. `undefined`: the index cannot say. May reject. Then no job is handed on. */
  countWorkers(): Promise<number | undefined>;
}

type TriedBy = NonNullable<JobOptions['triedBy']>;

/** A job that three workers could not do fails: the cause is not theirs. */
const mostWorkers = 3;

/**
 * The workers that have tried the job, if another worker is to do it after this failure. `undefined`: the failure is the job's outcome.
 * Never rejects.
 */
export async function handsOn(
  place: WorkerPlace | undefined,
  error: unknown,
  triedBy: TriedBy = [],
): Promise<TriedBy | undefined> {
  if (place === undefined || !isCacheError(error) || !error.isLocal) return undefined;
  const tried = triedBy.includes(place.id) ? triedBy : [...triedBy, place.id];
  if (tried.length === triedBy.length || tried.length >= mostWorkers) return undefined;
  const workers = await place.countWorkers().catch(() => undefined);
  return (workers ?? 0) > tried.length ? tried : undefined;
}

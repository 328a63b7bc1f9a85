// Hands a job over to another worker after a local failure, of this worker's network or disk (decision 0064).
import { isCacheError } from '@cistern/errors';
import type { JobOptions } from './job-queue.ts';

/** The identity of a worker among others. */
export interface WorkerIdentity {
  /** The address of this process. */
  readonly id: string;
  /**
   * Returns how many workers are alive, this one included. `undefined` means that the index does not know. It may
   * reject. In both cases no job is handed over.
   */
  countWorkers(): Promise<number | undefined>;
}

type TriedBy = NonNullable<JobOptions['triedBy']>;

/** A job that three workers failed to do fails: the cause is elsewhere. */
const mostWorkers = 3;

/**
 * Returns the ids of the workers that have tried the job, if another worker must do it after this failure. `undefined`
 * means that the failure is the job's outcome. Never rejects.
 */
export async function handsOver(
  place: WorkerIdentity | undefined,
  error: unknown,
  triedBy: TriedBy = [],
): Promise<TriedBy | undefined> {
  if (place === undefined || !isCacheError(error) || !error.isLocal) return undefined;
  const tried = triedBy.includes(place.id) ? triedBy : [...triedBy, place.id];
  if (tried.length === triedBy.length || tried.length >= mostWorkers) return undefined;
  const workers = await place.countWorkers().catch(() => undefined);
  return (workers ?? 0) > tried.length ? tried : undefined;
}

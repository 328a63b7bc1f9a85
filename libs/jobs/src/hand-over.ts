// Hands a job over to another worker after a local failure, for example of this worker's network or disk (decision
// 0064).
import { isCacheError } from '@cistern/errors';
import type { JobOptions } from './job-queue.ts';

/** The identity of a worker among others. */
export interface WorkerIdentity {
  /** The address of this process. */
  readonly id: string;
  /**
   * Returns how many workers are alive, this one included. `undefined` means that the number is unknown. The method may
   * reject. In both cases no job is handed over.
   */
  countWorkers(): Promise<number | undefined>;
}

type TriedBy = NonNullable<JobOptions['triedBy']>;

/** After three workers have failed to do a job, the job fails, because the cause is probably elsewhere. */
const mostWorkers = 3;

/**
 * Decides whether another worker does the job after this failure. Returns the ids of the workers that have tried the
 * job, or `undefined` if the failure is the outcome of the job. Never rejects.
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

// The doubles that simulated nodes use instead of Redis, BullMQ and S3. `startNodes` sets them once per world.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { JobHandlers, JobQueue, JobWorkers, WorkerIdentity } from '@cistern/jobs';

/** Each function opens its double for the process that runs now. */
export interface AdapterDoubles {
  openIndex(): Promise<CacheIndex>;
  openQueue(): { readonly queue: JobQueue; close(): Promise<void> };
  openWorkers(handlers: JobHandlers, place: WorkerIdentity | undefined): JobWorkers;
  /** Undefined means that the product's own adapter opens the store. */
  openStore(): BlobStore | undefined;
}

let current: AdapterDoubles | undefined;

export function setAdapterDoubles(doubles: AdapterDoubles): void {
  current = doubles;
}

export function adapterDoubles(): AdapterDoubles {
  if (current === undefined) throw new Error('No simulated nodes have been started in this world.');
  return current;
}

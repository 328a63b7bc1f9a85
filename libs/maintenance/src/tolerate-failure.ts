// Lets a walk over many objects continue after a failure of one object, as long as the index and the store are
// available.
import type { BlobStore } from '@cistern/blob-store';
import { assertStoreAvailable } from '@cistern/content';
import { isCacheError } from '@cistern/errors';

export interface TolerateOptions {
  readonly store: Pick<BlobStore, 'stat'>;
  readonly signal?: AbortSignal | undefined;
  /** Called with the failure of one object. */
  readonly onFailure: (error: unknown) => void;
}

/**
 * Runs `action`, which concerns one object, and reports its failure to `onFailure`. Rejects with `index-unavailable`,
 * `overloaded` or the signal's reason, and with `store-unavailable` if the store does not answer for other objects
 * either.
 */
export async function tolerateFailure(
  { store, signal, onFailure }: TolerateOptions,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    signal?.throwIfAborted();
    if (isCacheError(error, 'index-unavailable', 'overloaded')) throw error;
    await assertStoreAvailable(store);
    onFailure(error);
  }
}

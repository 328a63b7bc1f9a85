// One object never stops a walk through many: a walk goes on past an object that fails, while index and store answer.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';

export interface GoPastOptions {
  readonly store: Pick<BlobStore, 'stat'>;
  readonly signal?: AbortSignal | undefined;
  /** Called with the failure of one object. */
  readonly onFailure: (error: unknown) => void;
}

/** No blob is stored under this digest: a look for it shows whether the store answers. */
const probe = digestOf(Buffer.from('cistern: does the store answer?'));

/**
 * Does `action`, which is about one object. Rejects with `index-unavailable`, with `overloaded`, with the signal's reason, and with
 * `store-unavailable` where the store does not answer for other objects either.
 */
export async function goPast({ store, signal, onFailure }: GoPastOptions, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    signal?.throwIfAborted();
    if (isCacheError(error, 'index-unavailable', 'overloaded')) throw error;
    await store.stat(probe);
    onFailure(error);
  }
}

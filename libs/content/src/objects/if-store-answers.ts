// What can be done without the store while that, or one object of it, is unavailable.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';

type Log = Pick<Logger, 'warn'>;

/** Resolves as `use` does; with `undefined`, as if the store had nothing or needed nothing, while it is unavailable. */
export async function ifStoreAnswers<T>(log: Log, use: () => Promise<T | undefined>): Promise<T | undefined> {
  return unlessUnavailable(use, async (error) => log.warn({ err: error }, 'store unavailable, going on without it'));
}

/** Resolves as `use` does, and with `undefined` if the store fails for this object alone. Rejects with `store-unavailable` otherwise. */
export async function ifObjectAnswers<T>(
  { store, log }: { readonly store: Pick<BlobStore, 'stat'>; readonly log?: Log },
  use: () => Promise<T | undefined>,
): Promise<T | undefined> {
  return unlessUnavailable(use, async (error) => {
    await assertStoreAnswers(store);
    log?.warn({ err: error }, 'an object of the store cannot be read, going on without it');
  });
}

/** No blob is stored under this digest. */
const probe = digestOf(Buffer.from('cistern: does the store answer?'));

/** After the failure of one object. Rejects with `store-unavailable` if the store does not answer for another one either. */
export async function assertStoreAnswers(store: Pick<BlobStore, 'stat'>): Promise<void> {
  await store.stat(probe);
}

async function unlessUnavailable<T>(
  use: () => Promise<T | undefined>,
  onUnavailable: (error: unknown) => Promise<void>,
): Promise<T | undefined> {
  try {
    return await use();
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    await onUnavailable(error);
    return undefined;
  }
}

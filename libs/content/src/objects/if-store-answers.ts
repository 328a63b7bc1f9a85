// What can be done without the store while that, or one object of it, is unavailable.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import type { Logger } from '@cistern/telemetry';

/** Resolves as `use` does; with `undefined`, as if the store had nothing or needed nothing, while it is unavailable. */
export async function ifStoreAnswers<T>(
  log: Pick<Logger, 'warn'>,
  use: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await use();
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    log.warn({ err: error }, 'store unavailable, going on without it');
    return undefined;
  }
}

/** Resolves as `use` does, and with `undefined` if the store fails for this object alone. Rejects with `store-unavailable` otherwise. */
export async function ifObjectAnswers<T>(
  { store, log }: { readonly store: Pick<BlobStore, 'check'>; readonly log: Pick<Logger, 'warn'> },
  use: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await use();
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    await store.check();
    log.warn({ err: error }, 'an object of the store cannot be read, going on without it');
    return undefined;
  }
}

// Lets callers continue while the store, or one of its objects, is unavailable.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';

type Log = Pick<Logger, 'warn'>;

/**
 * Resolves to the result of `use`, or to `undefined` if `use` rejects with `store-unavailable`. Rejects with other errors of
 * `use`.
 */
export async function ifStoreAvailable<T>(log: Log, use: () => Promise<T | undefined>): Promise<T | undefined> {
  return unlessUnavailable(use, async (error) => log.warn({ err: error }, 'store unavailable, continuing without it'));
}

/**
 * Resolves to the result of `use`, or to `undefined` if the store fails only for the object that `use` reads. Rejects with
 * `store-unavailable` if the store itself is unavailable.
 */
export async function ifObjectAvailable<T>(
  { store, log }: { readonly store: Pick<BlobStore, 'stat'>; readonly log?: Log },
  use: () => Promise<T | undefined>,
): Promise<T | undefined> {
  return unlessUnavailable(use, async (error) => {
    await assertStoreAvailable(store);
    log?.warn({ err: error }, 'store object unreadable, continuing without it');
  });
}

/** No blob is stored under this digest. */
const probe = digestOf(Buffer.from('cistern: does the store answer?'));

/** Checks the store after a failure of one object. Rejects with `store-unavailable` if a call for another object fails too. */
export async function assertStoreAvailable(store: Pick<BlobStore, 'stat'>): Promise<void> {
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

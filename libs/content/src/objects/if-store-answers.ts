// What can be done without the store while that is unavailable.
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

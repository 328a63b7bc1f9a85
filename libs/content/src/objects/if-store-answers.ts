// A store that cannot be asked is no reason to refuse what an upstream can give.
import { isCacheError } from '@cistern/errors';
import type { Logger } from '@cistern/telemetry';

/** What `look` finds; `undefined`, as if the store had nothing, while it is unavailable. */
export async function ifStoreAnswers<T>(log: Logger, look: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    log.warn({ err: error }, 'the store cannot be asked: upstream is');
    return undefined;
  }
}

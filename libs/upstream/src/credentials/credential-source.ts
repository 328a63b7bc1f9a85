// Where an account's user name and password come from. They may change while the process runs (decision 0019).
import { CacheError } from '@cistern/errors';
import type { UpstreamCredentials } from '../upstream-settings.ts';

export interface CredentialSource {
  /** Of the configuration: in metrics and logs. */
  readonly name: string;
  /**
   * As they are now; `undefined`: none, ask as anybody. Called for every use, so it answers from memory what has not
   * changed. Rejects with `upstream-refused-us` when they cannot be had.
   */
  read(signal: AbortSignal): Promise<UpstreamCredentials | undefined>;
  /** They were refused: what was kept of them is read anew. */
  forget?(): void;
}

export function fixedCredentials(name: string, credentials: UpstreamCredentials): CredentialSource {
  return { name, read: async () => credentials };
}

export function unreadable(why: string, cause?: unknown): CacheError {
  return new CacheError('upstream-refused-us', `The credentials of this upstream cannot be had: ${why}.`, { cause });
}

// What a reader does about an object that was read wrong twice: it is set aside, but under each digest only once in a while. If the
// next object is read wrong as well, it is the way from the store that damages bytes, and fetching again does not help.
import type { BlobRecord } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { setAside, type SetAsideDeps } from './set-aside.ts';
import type { ReadChecks } from './read-checks.ts';

export interface SetAsideOnceDeps extends SetAsideDeps {
  readonly readChecks: ReadChecks;
}

/**
 * As `setAside`. Rejects with `content-mismatch` if this node has set aside another object of the digest within ten minutes and
 * read none right since.
 */
export async function setAsideOnce(
  deps: SetAsideOnceDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  const { readChecks, log } = deps;
  if (readChecks.wasSetAside(digest, record?.storedAtMs)) {
    log.error({ digest }, 'stored object read wrong again after a fetch');
    // Not `store-unavailable`, for which upstream is asked instead.
    throw new CacheError(
      'content-mismatch',
      `The store gave wrong bytes under ${digest} again after a fetch. Check its disk, memory and connection; the blob is fetched again after ten minutes at the earliest.`,
      { retryable: true },
    );
  }
  if (!(await setAside(deps, digest, record))) return false;
  readChecks.noteSetAside(digest, record?.storedAtMs);
  return true;
}

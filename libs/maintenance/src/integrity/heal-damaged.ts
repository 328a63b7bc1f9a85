// What the scrub does about an object that is not what its digest says: it is set aside, and fetched again for a repository that
// holds it.
import { type BlobRecord, type Link, repositoryPath } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { type FetchBlobsDeps, fetchBlobs } from '@cistern/prewarm';
import { setAside } from '@cistern/content';
import { fetchManifest } from '@cistern/pull-through';
import { findHolders } from './find-holders.ts';

export interface Healed {
  readonly healed: boolean;
  /** Where it was fetched again, or why it was not. */
  readonly note: string;
}

const holdersToTry = 3;
const fetchWithinMs = 600_000;

/**
 * `record`: as it was before the object was read. `undefined`: the object has been replaced since, and nothing was done. What
 * cannot be fetched now is fetched when somebody asks for it. Rejects with `store-unavailable`, `index-unavailable` or the
 * signal's reason.
 */
export async function healDamaged(
  deps: FetchBlobsDeps,
  record: BlobRecord,
  signal: AbortSignal,
): Promise<Healed | undefined> {
  const { index, log } = deps;
  const { digest } = record;
  if (!(await setAside(deps, digest, record))) return undefined;
  const holders = await findHolders(index, digest, { limit: holdersToTry, signal });
  let note = 'no repository is known to hold it: it is fetched when somebody asks for it';
  for (const holder of holders) {
    const place = repositoryPath(holder);
    try {
      await fetchFor(deps, holder, AbortSignal.any([signal, AbortSignal.timeout(fetchWithinMs)]));
      return { healed: true, note: `fetched again from ${place}` };
    } catch (error) {
      signal.throwIfAborted();
      note = `could not be fetched from ${place}: ${isCacheError(error) ? error.message : String(error)}`;
      log.warn({ err: error, digest, repository: place }, 'a damaged blob could not be fetched again');
    }
  }
  return { healed: false, note };
}

async function fetchFor(
  deps: FetchBlobsDeps,
  { kind, digest, size, ...key }: Link,
  signal: AbortSignal,
): Promise<void> {
  const { upstream, repository } = key;
  if (kind === 'blob') return fetchBlobs(deps, key, [{ digest, size }], { signal, onStored: () => {} });
  await fetchManifest(deps, { upstream, repository, digest }, { signal, purpose: 'prewarm' });
}

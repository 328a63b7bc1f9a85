// Manifests that the cache refuses are remembered for all nodes. Otherwise, each request for one costs a GET of up to 4 MiB, and the
// time to read it.
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { Reference } from '@cistern/oci';

/** By digest it stays as it is. By tag, upstream may have mended it. */
const rememberMs = { digest: 120_000, tag: 30_000 };

interface RefusedDeps {
  readonly index: Pick<CacheIndex, 'values'>;
}

/** Rejects with the same `content-mismatch` as before, if the manifest was refused a moment ago. */
export async function checkRefused({ index }: RefusedDeps, key: RepositoryKey, reference: Reference): Promise<void> {
  const message = await index.values.get(nameOf(key, reference));
  if (message !== undefined) throw new CacheError('content-mismatch', message, { detail: { upstream: key.upstream } });
}

/** Stores a verified manifest by `store`. Its refusal, which is a `content-mismatch`, is remembered for all of `references`. */
export async function storeOrRefuse<T>(
  { index }: RefusedDeps,
  key: RepositoryKey,
  references: readonly Reference[],
  store: () => Promise<T>,
): Promise<T> {
  try {
    return await store();
  } catch (error) {
    if (isCacheError(error, 'content-mismatch'))
      for (const reference of references)
        await index.values.put(nameOf(key, reference), error.message, rememberMs[reference.kind]);
    throw error;
  }
}

function nameOf(key: RepositoryKey, reference: Reference): string {
  return `refused-manifest ${repositoryPath(key)} ${reference.kind === 'tag' ? reference.tag : reference.digest}`;
}

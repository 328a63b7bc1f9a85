// Which images have been fetched early, for which platforms, so that nobody looks for each of their layers every minute. A
// mark that is lost costs that look, and one that is wrong, because something has been removed since, a cold pull.
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';

interface Marked extends RepositoryKey {
  readonly digest: Digest;
  readonly platforms: readonly string[];
}

type Deps = { readonly index: Pick<CacheIndex, 'values'> };

const keepMs = 24 * 3_600_000;

export async function markPrewarmed({ index }: Deps, marked: Marked): Promise<void> {
  await index.values.put(nameOf(marked), '1', keepMs);
}

export async function isPrewarmed({ index }: Deps, marked: Marked): Promise<boolean> {
  return (await index.values.get(nameOf(marked))) !== undefined;
}

function nameOf({ digest, platforms, ...key }: Marked): string {
  return `prewarmed ${repositoryPath(key)}@${digest} ${platforms.toSorted().join(' ')}`;
}

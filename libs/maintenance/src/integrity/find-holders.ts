// Which repositories hold a digest: asked only for what is damaged, since every repository has to be looked at.
import { type CacheIndex, type Link, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';

const pageSize = 500;
const atOnce = 16;

/** At most `limit` of them. */
export async function findHolders(
  { links }: Pick<CacheIndex, 'links'>,
  digest: Digest,
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
): Promise<Link[]> {
  const found: Link[] = [];
  for (let after: string | undefined; found.length < limit;) {
    const page = await links.repositories({ after, limit: pageSize });
    await forEachBounded(page, { atOnce, signal }, async (key) => {
      const link = found.length < limit ? await links.get(key, digest) : undefined;
      if (link !== undefined) found.push(link);
    });
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) break;
    after = repositoryPath(last);
  }
  return found.slice(0, limit);
}

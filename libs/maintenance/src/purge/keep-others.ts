// Of digests that are to go, those that another repository holds. Every repository is looked through, a few at a time.
import { type RepositoryKey, repositoryPath } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import type { PurgeStep } from './purge-deps.ts';

const pageSize = 500;
const atOnce = 16;

/** Takes from `digests` what must stay: what others hold, and what is pinned. Rejects with `index-unavailable`. */
export async function keepOthers(
  { index, readPinned, signal }: PurgeStep,
  digests: Set<Digest>,
  isOther: (key: RepositoryKey) => boolean,
): Promise<void> {
  for (const digest of await readPinned()) digests.delete(digest);
  for (let after: string | undefined; digests.size > 0;) {
    const page = await index.links.repositories({ after, limit: pageSize });
    await forEachBounded(page.filter(isOther), { atOnce, signal }, async (key) => {
      for (const digest of await index.links.digests(key)) digests.delete(digest);
    });
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = repositoryPath(last);
  }
}

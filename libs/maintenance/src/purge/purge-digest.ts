// Purges one digest, a manifest or a blob, wherever it is held: the bytes, the links, and the tags that name it.
import type { Digest } from '@cistern/oci';
import { findHolders } from '../integrity/find-holders.ts';
import type { PurgeResult, PurgeStep } from './purge-deps.ts';
import { purgeTags, tagsOf } from './purge-image.ts';
import { removeBytes } from './remove-bytes.ts';
import { removeLink } from '@cistern/content';

/** What it names stays. `undefined`: it is part of what is pinned. Rejects with `store-unavailable` or `index-unavailable`. */
export async function purgeDigest(step: PurgeStep, digest: Digest): Promise<PurgeResult | undefined> {
  if ((await step.readPinned()).has(digest)) return undefined;
  let tags = 0;
  for (const { upstream, repository } of await findHolders(step.index, digest, {
    limit: Infinity,
    signal: step.signal,
  })) {
    const key = { upstream, repository };
    const named = (await tagsOf(step, key)).filter((record) => record.digest === digest);
    tags += await purgeTags(
      step,
      key,
      named.map(({ tag }) => tag),
    );
    await removeLink(step, key, digest);
  }
  return { purged: { tags, ...(await removeBytes(step, [digest])) } };
}

// Purges all that is kept of one upstream: tags, links and lists, and the bytes that no other upstream holds.
import {
  parseHeldObjectKey,
  parseLinksObjectKey,
  parseTagObjectKey,
  prefixesOf,
  registryRepositoriesPrefix,
} from '@cistern/blob-store';
import { markUpstreamPurged, removeLink, removeTag } from '@cistern/content';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import { keepOthers, repositoriesWhile } from '../integrity/find-holders.ts';
import { tagsOf } from './purge-image.ts';
import { type PurgeResult, type PurgeStep, removeBytes } from './remove-bytes.ts';

const atOnce = 16;

/** Rejects with `store-unavailable` or `index-unavailable`; run again, it goes on. */
export async function purgeUpstream(step: PurgeStep, upstream: string): Promise<PurgeResult> {
  const pinnedBy = step.pins.filter((pin) => pin.upstream === upstream);
  if (pinnedBy.length > 0) return { pinnedBy };
  const { index, store, signal } = step;
  const bounded = { atOnce, signal };
  const prefixes = prefixesOf(upstream);
  const repositories = () => repositoriesWhile(index, (key) => key.upstream === upstream, `${upstream}/`);
  await markUpstreamPurged(index, upstream);
  let tags = 0;
  // Tags first: without them nobody finds the rest.
  await forEachBounded(store.listObjects(prefixes.tags), bounded, async (objectKey) => {
    const key = parseTagObjectKey(objectKey);
    if (key !== undefined && (await removeTag(step, key))) tags += 1;
  });
  await forEachBounded(repositories(), bounded, async (key) => {
    for (const { tag } of await tagsOf(step, key)) if (await removeTag(step, { ...key, tag })) tags += 1;
  });
  if (upstream === step.adoptAs) await removeObjects(step, registryRepositoriesPrefix);
  await removeObjects(step, prefixes.lists);
  const digests = new Set<Digest>();
  for (const [prefix, parse] of [
    [prefixes.links, parseLinksObjectKey],
    [prefixes.held, parseHeldObjectKey],
  ] as const)
    await forEachBounded(store.listObjects(prefix), bounded, async (objectKey) => {
      const key = parse(objectKey);
      if (key === undefined) return;
      digests.add(key.digest);
      await removeLink(step, key, key.digest);
    });
  await forEachBounded(repositories(), bounded, async (key) => {
    for (const digest of await index.links.digests(key)) {
      digests.add(digest);
      await index.links.remove(key, digest);
    }
  });
  await keepOthers(step, digests, (other) => other.upstream !== upstream);
  return { purged: { tags, ...(await removeBytes(step, digests)) } };
}

async function removeObjects({ store, signal }: PurgeStep, prefix: string): Promise<void> {
  await forEachBounded(store.listObjects(prefix), { atOnce, signal }, async (objectKey) => {
    await store.removeObject(objectKey);
  });
}

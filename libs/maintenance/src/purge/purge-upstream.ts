// Purges everything of one upstream: tags, links and lists, and the bytes that no other upstream holds.
import {
  parseHeldObjectKey,
  parseLinksObjectKey,
  parseTagObjectKey,
  prefixesOf,
  registryRepositoriesPrefix,
} from '@cistern/blob-store';
import { markUpstreamPurged, removeLink, removeTag } from '@cistern/content';
import type { RepositoryKey, TagKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded, inBatches } from '@cistern/runtime';
import { keepOthers, repositoriesWhile } from '../integrity/find-holders.ts';
import { tagsOf } from './purge-image.ts';
import { type PurgeResult, type PurgeStep, removeBytes } from './remove-bytes.ts';

interface Held extends RepositoryKey {
  readonly digest: Digest;
}

const atOnce = 16;
/**
 * Number of links in a batch, which take some 20 MB of memory. Smaller batches would take longer, because each batch
 * needs a pass over all repositories of other upstreams.
 */
export const maxHeldAtOnce = 100_000;

/**
 * Purges an upstream. Takes its links in batches of `heldAtOnce`, and removes first the links of a batch, then the
 * bytes. Rejects with `store-unavailable` or `index-unavailable`; another run continues.
 */
export async function purgeUpstream(
  step: PurgeStep,
  upstream: string,
  heldAtOnce = maxHeldAtOnce,
): Promise<PurgeResult> {
  const pinnedBy = step.pins.filter((pin) => pin.upstream === upstream);
  if (pinnedBy.length > 0) return { pinnedBy };
  const { index, tolerate, signal } = step;
  const bounded = { atOnce, signal };
  const prefixes = prefixesOf(upstream);
  await markUpstreamPurged(index, upstream);
  const purged = { tags: 0, manifests: 0, blobs: 0 };
  // Tags are removed first, because without them no client finds the rest. The store's tags are removed before the
  // index is listed, so that no tag counts twice.
  for (const tags of [tagsInStore(step, upstream), tagsInIndex(step, upstream)])
    await forEachBounded(tags, bounded, (key) =>
      tolerate(async () => {
        if (await removeTag(step, key)) purged.tags += 1;
      }),
    );
  if (upstream === step.adoptAs()) await removeObjects(step, registryRepositoriesPrefix);
  await removeObjects(step, prefixes.lists);
  for await (const batch of inBatches(heldBy(step, upstream), heldAtOnce)) {
    await forEachBounded(batch, bounded, (held) => tolerate(() => removeLink(step, held, held.digest)));
    const digests = new Set(batch.map(({ digest }) => digest));
    await keepOthers(step, digests, (other) => other.upstream !== upstream);
    const removed = await removeBytes(step, digests);
    purged.manifests += removed.manifests;
    purged.blobs += removed.blobs;
  }
  return { purged };
}

async function* tagsInStore({ store }: PurgeStep, upstream: string): AsyncGenerator<TagKey> {
  for await (const objectKey of store.listObjects(prefixesOf(upstream).tags)) {
    const key = parseTagObjectKey(objectKey);
    if (key !== undefined) yield key;
  }
}

async function* tagsInIndex(step: PurgeStep, upstream: string): AsyncGenerator<TagKey> {
  for await (const key of repositoriesOf(step, upstream)) yield* tagsOf(step, key);
}

/** Yields the held digests from the store's objects, then those that the index still lists. */
async function* heldBy(step: PurgeStep, upstream: string): AsyncGenerator<Held> {
  const { links, held } = prefixesOf(upstream);
  for (const [prefix, parse] of [
    [links, parseLinksObjectKey],
    [held, parseHeldObjectKey],
  ] as const)
    for await (const objectKey of step.store.listObjects(prefix)) {
      const key = parse(objectKey);
      if (key !== undefined) yield key;
    }
  for await (const key of repositoriesOf(step, upstream))
    for (const digest of await step.index.links.digests(key)) yield { ...key, digest };
}

/** Yields the repositories of an upstream that the index lists. */
export function repositoriesOf({ index }: Pick<PurgeStep, 'index'>, upstream: string): AsyncGenerator<RepositoryKey> {
  return repositoriesWhile(index, (key) => key.upstream === upstream, `${upstream}/`);
}

async function removeObjects({ store, signal, tolerate }: PurgeStep, prefix: string): Promise<void> {
  await forEachBounded(store.listObjects(prefix), { atOnce, signal }, (objectKey) =>
    tolerate(async () => {
      await store.removeObject(objectKey);
    }),
  );
}

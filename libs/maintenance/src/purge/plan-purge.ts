// Lists what a purge would remove now, and removes nothing.
import type { ImageName } from '@cistern/blob-store';
import { listPins } from '@cistern/content';
import { CacheError } from '@cistern/errors';
import { isSameRepository, type TagKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded, inBatches } from '@cistern/runtime';
import { createPinnedDigests } from '../eviction/create-pinned-digests.ts';
import { findHolders, keepOthers } from '../integrity/find-holders.ts';
import { pinsWith, type PurgeTarget } from './purge.ts';
import { findDead, selectImage, tagsOf } from './purge-image.ts';
import { maxHeldAtOnce, repositoriesOf } from './purge-upstream.ts';
import type { PurgeDeps, Purged, PurgeStep } from './remove-bytes.ts';

interface PurgeTotal extends Purged {
  /** Bytes of these manifests and blobs. */
  readonly bytes: number;
}

/** A tag, or the end of the plan: the total, or the pins that would prevent the purge. */
export type PurgePlanItem =
  | { readonly tag: TagKey }
  | { readonly total: PurgeTotal }
  | { readonly pinnedBy: readonly ImageName[] };

const atOnce = 16;

/**
 * Yields the tags that a purge of `target` would remove, and then the total. The index answers, so content that only the
 * store lists is missing. Rejects with `overloaded` while the index is incomplete, and with `store-unavailable` or
 * `index-unavailable`.
 */
export async function* planPurge(
  deps: PurgeDeps,
  target: PurgeTarget,
  signal: AbortSignal,
): AsyncGenerator<PurgePlanItem> {
  if (!(await deps.index.epoch.isComplete()))
    throw new CacheError(
      'overloaded',
      'The plan is not available: the index is being rebuilt from the store. Try again later.',
      { retryable: true },
    );
  const pins = await listPins(deps.store);
  const step: PurgeStep = { ...deps, pins, readPinned: createPinnedDigests(deps), signal, tolerate: failAtOnce };
  if ('upstream' in target) yield* planUpstream(step, target.upstream);
  else if ('image' in target) yield* planImage(step, target.image);
  else yield* planDigest(step, target.digest);
}

/** A plan has no use if it omits objects that cannot be read. */
const failAtOnce: PurgeStep['tolerate'] = (action) => action();

async function* planImage(step: PurgeStep, image: ImageName): AsyncGenerator<PurgePlanItem> {
  const found = await selectImage(step, image);
  if ('pinnedBy' in found) {
    yield found;
    return;
  }
  const { key } = found;
  const dead = await findDead(step, found);
  const cached = new Set((await Array.fromAsync(tagsOf(step, key))).map(({ tag }) => tag));
  const tags = found.tags.filter((tag) => cached.has(tag));
  for (const tag of tags) yield { tag: { ...key, tag } };
  await keepOthers(step, dead, (other) => !isSameRepository(other, key));
  yield { total: { tags: tags.length, ...(await measure(step, dead)) } };
}

async function* planDigest(step: PurgeStep, digest: Digest): AsyncGenerator<PurgePlanItem> {
  if ((await step.readPinned()).has(digest)) {
    yield { pinnedBy: await pinsWith(step, digest) };
    return;
  }
  let tags = 0;
  const { signal } = step;
  for (const { upstream, repository } of await findHolders(step.index, digest, { limit: Infinity, signal }))
    for await (const record of tagsOf(step, { upstream, repository })) {
      if (record.digest !== digest) continue;
      tags += 1;
      yield { tag: { upstream, repository, tag: record.tag } };
    }
  yield { total: { tags, ...(await measure(step, [digest])) } };
}

async function* planUpstream(step: PurgeStep, upstream: string): AsyncGenerator<PurgePlanItem> {
  const pinnedBy = step.pins.filter((pin) => pin.upstream === upstream);
  if (pinnedBy.length > 0) {
    yield { pinnedBy };
    return;
  }
  const total = { tags: 0, manifests: 0, blobs: 0, bytes: 0 };
  for await (const key of repositoriesOf(step, upstream))
    for await (const { tag } of tagsOf(step, key)) {
      total.tags += 1;
      yield { tag: { ...key, tag } };
    }
  for await (const batch of inBatches(digestsOf(step, upstream), maxHeldAtOnce)) {
    const digests = new Set(batch);
    await keepOthers(step, digests, (other) => other.upstream !== upstream);
    const { manifests, blobs, bytes } = await measure(step, digests);
    total.manifests += manifests;
    total.blobs += blobs;
    total.bytes += bytes;
  }
  yield { total };
}

/** Yields each digest of an upstream once, although repositories share layers. */
async function* digestsOf(step: PurgeStep, upstream: string): AsyncGenerator<Digest> {
  // 52 bits of a digest identify it among millions, and take a third of the memory of its text.
  const seen = new Set<number>();
  for await (const key of repositoriesOf(step, upstream))
    for (const digest of await step.index.links.digests(key)) {
      const at = digest.indexOf(':') + 1;
      const short = Number.parseInt(digest.slice(at, at + 13), 16);
      if (seen.has(short)) continue;
      seen.add(short);
      yield digest;
    }
}

async function measure({ index, signal }: PurgeStep, digests: Iterable<Digest>): Promise<Omit<PurgeTotal, 'tags'>> {
  const found = { manifests: 0, blobs: 0, bytes: 0 };
  await forEachBounded(digests, { atOnce, signal }, async (digest) => {
    const [blob, manifest] = await Promise.all([index.blobs.get(digest), index.manifests.get(digest)]);
    if (blob?.state !== 'present') return;
    found[manifest === undefined ? 'blobs' : 'manifests'] += 1;
    found.bytes += blob.size;
  });
  return found;
}

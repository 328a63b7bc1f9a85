// A manifest that this process can answer for alone: tag, link and bytes are in memory and hold. That is most of what a fleet asks
// for, and without a promise on the way it costs a third (decision 0045).
import { isHeldManifest } from '@cistern/content';
import type { Link, TagRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { ageOf, freshnessOf } from '../freshness/freshness.ts';
import type { ManifestFromMemory, ManifestRequest } from '../requests/pull-through.ts';
import type { OpenManifestDeps } from './open-manifest.ts';

export interface ManifestFromMemoryDeps extends OpenManifestDeps {
  readonly pullTally: ReturnType<typeof createPullTally>;
}

/**
 * What `openManifest` would bring. `undefined`: somebody has to be asked. For `facts` no bytes are needed where the tag's record
 * says what they are like. Throws nothing.
 */
export function manifestFromMemory(
  deps: ManifestFromMemoryDeps,
  request: ManifestRequest,
  want: 'facts' | 'bytes',
): ManifestFromMemory | undefined {
  const { reference } = request;
  if (reference.kind === 'digest') return heldFromMemory(deps, request, want, reference.digest);
  if (request.forceRevalidation === true) return undefined;
  const { target, maxAgeMs } = request;
  const { upstream, repository } = target;
  const record = deps.index.tags.fromMemory({ upstream, repository, tag: reference.tag });
  if (record === undefined) return undefined;
  const nowMs = deps.now();
  if (freshnessOf(record, deps.policyOf(upstream, reference.tag), { nowMs, maxAgeMs }) !== 'fresh') return undefined;
  const { digest, mediaType, size, warning } = record;
  // An adopted tag does not say what its manifest is like.
  if (want === 'bytes' || mediaType === '') return heldFromMemory(deps, request, want, digest, record);
  deps.pullTally.pulled(digest, record);
  return { digest, ageMs: ageOf(record, nowMs), cache: 'HIT', warning, mediaType, size };
}

/** `tag`: which names it, if it was asked for by one. */
function heldFromMemory(
  { index, manifests, pullTally, now }: ManifestFromMemoryDeps,
  request: ManifestRequest,
  want: 'facts' | 'bytes',
  digest: Digest,
  tag?: TagRecord,
): ManifestFromMemory | undefined {
  const link = index.links.fromMemory(request.target, digest);
  if (!isHeldManifest(link)) return undefined;
  const manifest = manifests.get(digest);
  if (manifest === undefined) return undefined;
  pullTally.pulled(digest, tag);
  if (want === 'bytes' && tag === undefined && link.platform !== undefined) pullTally.pulledPlatform(link);
  const { mediaType, bytes } = manifest;
  const ageMs = tag && ageOf(tag, now());
  return { digest, ageMs, cache: 'HIT', warning: tag?.warning, mediaType, size: bytes.length, bytes };
}

/**
 * Pulls that were answered from memory. The index gets those of one turn of the event loop together. A hot tag has dozens in one,
 * and each would cost the index's promises and names again.
 */
export function createPullTally({
  index,
  refreshParts,
  now,
}: Pick<ManifestFromMemoryDeps, 'index' | 'refreshParts' | 'now'>) {
  const { blobs, tags, popularity } = index;
  let digests = new Set<Digest>();
  let tagPulls = new Map<TagRecord, number>();
  let platformPulls = new Map<Link, number>();
  let turn: NodeJS.Immediate | undefined;

  function flush(): void {
    const [touched, pulledTags, pulledPlatforms] = [digests, tagPulls, platformPulls];
    [digests, tagPulls, platformPulls, turn] = [new Set(), new Map(), new Map(), undefined];
    const atMs = now();
    for (const digest of touched) {
      // An index that is unavailable is made up for when it answers again.
      blobs.touch(digest, atMs).catch(() => {});
      refreshParts(digest);
    }
    for (const [tag, pulls] of pulledTags) {
      tags.recordPull(tag, atMs, pulls).catch(() => {});
      popularity.countTag(tag, pulls);
    }
    for (const [link, pulls] of pulledPlatforms) popularity.countPlatform(link, link.platform ?? '', pulls);
  }

  return {
    /** `tag`: as it was recalled, if it was pulled by one. */
    pulled(digest: Digest, tag: TagRecord | undefined): void {
      digests.add(digest);
      if (tag !== undefined) tagPulls.set(tag, (tagPulls.get(tag) ?? 0) + 1);
      turn ??= setImmediate(flush);
    },
    /** For a manifest that an index lists, pulled by its digest. */
    pulledPlatform(link: Link): void {
      platformPulls.set(link, (platformPulls.get(link) ?? 0) + 1);
      turn ??= setImmediate(flush);
    },
  };
}

// Serves a manifest from the memory of this process, if the tag is fresh and its link and bytes are in memory. Most requests of
// a fleet are of this kind. They run without promises, which cuts their cost to a third (decision 0045).
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
 * Returns the same result as `openManifest`, or `undefined` if memory is not enough. `facts` does not need the bytes in memory
 * if the tag's record has media type and size. Never throws.
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
  // A warning is rare, and a response from memory has none.
  if (record === undefined || record.warning !== undefined) return undefined;
  const nowMs = deps.now();
  if (freshnessOf(record, deps.policyOf(upstream, reference.tag), { nowMs, maxAgeMs }) !== 'fresh') return undefined;
  const { digest, mediaType, size } = record;
  // An adopted tag has no media type, so the manifest must be in memory.
  if (want === 'bytes' || mediaType === '') return heldFromMemory(deps, request, want, digest, record);
  deps.pullTally.pulled(digest, record);
  return { digest, ageMs: ageOf(record, nowMs), cache: 'HIT', mediaType, size };
}

/** `tag` is the record of the requested tag. It is unset for a request by digest. */
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
  return { digest, ageMs, cache: 'HIT', mediaType, size: bytes.length, bytes };
}

/**
 * Counts the pulls that are served from memory. All pulls within one turn of the event loop are written to the index together.
 * A popular tag has dozens of pulls in one turn, so separate writes would cost dozens of promises.
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
      // While the index is unavailable, these writes are lost. That is harmless, because later pulls write again.
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
    /** Counts a pull. `tag` is the record from memory, or `undefined` for a pull by digest. */
    pulled(digest: Digest, tag: TagRecord | undefined): void {
      digests.add(digest);
      if (tag !== undefined) tagPulls.set(tag, (tagPulls.get(tag) ?? 0) + 1);
      turn ??= setImmediate(flush);
    },
    /** Counts a pull by digest of a manifest that an image index lists. */
    pulledPlatform(link: Link): void {
      platformPulls.set(link, (platformPulls.get(link) ?? 0) + 1);
      turn ??= setImmediate(flush);
    },
  };
}

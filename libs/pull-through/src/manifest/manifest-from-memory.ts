// A manifest that this process can answer for alone: tag, link and bytes are in memory and hold. That is most of what a fleet asks
// for, and without a promise on the way it costs a third (decision 0045).
import { ageOf, freshnessOf } from '../freshness/freshness.ts';
import { isHeldManifest } from '@cistern/content';
import type { ManifestRequest, ManifestFromMemory } from '../requests/pull-through.ts';
import type { TagRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { OpenManifestDeps } from './open-manifest.ts';
import type { PullTally } from './pull-tally.ts';

export interface ManifestFromMemoryDeps extends OpenManifestDeps {
  readonly pullTally: PullTally;
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
  const { digest, mediaType, size } = record;
  // An adopted tag does not say what its manifest is like.
  if (want === 'bytes' || mediaType === '') return heldFromMemory(deps, request, want, digest, record);
  deps.pullTally.pulled(digest, record);
  return { digest, ageMs: ageOf(record, nowMs), cache: 'HIT', mediaType, size };
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
  return { digest, ageMs: tag && ageOf(tag, now()), cache: 'HIT', mediaType, size: bytes.length, bytes };
}

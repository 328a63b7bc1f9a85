// A manifest that this process can answer for alone: tag, link and bytes are in memory and hold. That is most of what a fleet asks
// for, and without a promise on the way it costs a third.
import { ageOf, freshnessOf } from '../freshness/freshness.ts';
import type { ManifestRequest, RecalledManifest } from '../pull-through.ts';
import { type OpenManifestDeps, recordPull } from './open-manifest.ts';

/**
 * What `openManifest` would bring. `undefined`: somebody has to be asked. For `facts` no bytes are needed where the tag's record
 * says what they are like. Throws nothing.
 */
export function recallManifest(
  deps: OpenManifestDeps,
  request: ManifestRequest,
  want: 'facts' | 'bytes',
): RecalledManifest | undefined {
  const { reference } = request;
  if (reference.kind === 'digest') return recallHeld(deps, request, want, { digest: reference.digest });
  if (request.forceRevalidation === true) return undefined;
  const { upstream, repository, maxAgeMs } = request;
  const record = deps.index.tags.recall({ upstream, repository, tag: reference.tag });
  if (record === undefined) return undefined;
  const nowMs = deps.now();
  if (freshnessOf(record, deps.policyOf(upstream, reference.tag), { nowMs, maxAgeMs }) !== 'fresh') return undefined;
  const { digest, mediaType, size } = record;
  const known = { digest, ageMs: ageOf(record, nowMs) };
  // An adopted tag does not say what its manifest is like.
  if (want === 'bytes' || mediaType === '') return recallHeld(deps, request, want, known);
  note(deps, request, digest);
  return { ...known, cache: 'HIT', mediaType, size };
}

function recallHeld(
  deps: OpenManifestDeps,
  request: ManifestRequest,
  want: 'facts' | 'bytes',
  known: Pick<RecalledManifest, 'digest' | 'ageMs'>,
): RecalledManifest | undefined {
  const { index, manifests } = deps;
  const { digest } = known;
  const link = index.links.recall(request, digest);
  if (link?.kind !== 'manifest') return undefined;
  const manifest = manifests.get(digest);
  if (manifest === undefined) return undefined;
  note(deps, request, digest);
  if (want === 'bytes' && link.platform !== undefined && request.reference.kind === 'digest')
    index.popularity.countPlatform(request, link.platform);
  const { mediaType, bytes } = manifest;
  return { ...known, cache: 'HIT', mediaType, size: bytes.length, bytes };
}

/** An index that cannot be told is made up for when it can be asked again; nobody waits for it who need not. */
function note(deps: OpenManifestDeps, request: ManifestRequest, digest: RecalledManifest['digest']): void {
  recordPull(deps, request, digest).catch(() => {});
}

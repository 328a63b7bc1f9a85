// Opens a manifest for a client, by tag or by digest. HEAD and GET return the same facts. GET also returns the exact bytes.
import type { RepositoryKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { CacheError } from '@cistern/errors';
import {
  type RefreshParts,
  type RepositoryLinksDeps,
  findLink,
  type CachedManifest,
  type StoredManifestDeps,
  readStoredManifest,
  statStoredManifest,
} from '@cistern/content';
import { ageOf } from '../freshness/freshness.ts';
import type {
  CacheResult,
  FreshnessFacts,
  ManifestFacts,
  ManifestRequest,
  OpenedManifest,
} from '../requests/pull-through.ts';
import { type ResolveTagDeps, resolveTag } from './resolve-tag.ts';

export type OpenManifestDeps = ResolveTagDeps &
  StoredManifestDeps &
  RepositoryLinksDeps & {
    readonly refreshParts: RefreshParts;
  };

interface Resolved extends FreshnessFacts {
  readonly digest: Digest;
  /**
   * Media type and size from the tag's record, as the upstream sent them. `undefined` for a request by digest, and for an
   * adopted tag.
   */
  readonly stated?: Pick<ManifestFacts, 'mediaType' | 'size'> | undefined;
}

const maxTries = 3;

interface HeldManifest {
  readonly manifest: CachedManifest;
  /** Set for a manifest that an image index lists. */
  readonly platform: string | undefined;
}

export async function openManifest(deps: OpenManifestDeps, request: ManifestRequest): Promise<OpenedManifest> {
  const { target } = request;
  const { digest, stated: _, ...resolved } = await resolve(deps, request, 'manifest');
  const { manifest, platform, ...facts } = await bytesOf(deps, request, digest, resolved);
  await recordPull(deps, request, digest);
  // A client chooses a manifest of its platform from an image index, then requests it by digest. So this counts as a pull of
  // the platform.
  if (platform !== undefined && request.reference.kind === 'digest')
    deps.index.popularity.countPlatform({ upstream: target.upstream, repository: target.repository }, platform);
  const { mediaType, bytes } = manifest;
  return { ...facts, digest, mediaType, bytes, size: bytes.length };
}

export async function statManifest(deps: OpenManifestDeps, request: ManifestRequest): Promise<ManifestFacts> {
  const { digest, stated, ...resolved } = await resolve(deps, request, 'digest');
  await recordPull(deps, request, digest);
  const known = stated ?? (await statHeld(deps, request.target, digest));
  if (known !== undefined) return { ...resolved, digest, mediaType: known.mediaType, size: known.size };
  const { manifest, ...facts } = await bytesOf(deps, request, digest, resolved);
  return { ...facts, digest, mediaType: manifest.mediaType, size: manifest.bytes.length };
}

async function resolve(
  deps: OpenManifestDeps,
  request: ManifestRequest,
  want: 'digest' | 'manifest',
): Promise<Resolved> {
  const { target, reference, forceRevalidation: force, maxAgeMs, signal } = request;
  const { upstream, repository } = target;
  if (reference.kind === 'digest') return { digest: reference.digest, cache: 'HIT' };
  const key = { upstream, repository, tag: reference.tag };
  const { record, ...facts } = await resolveTag(deps, key, { want, force, maxAgeMs, signal });
  const { digest, mediaType, size, warning } = record;
  // An adopted tag has no media type. The caller reads it from the stored manifest.
  const stated = mediaType === '' ? undefined : { mediaType, size };
  return { ...facts, digest, ageMs: ageOf(record, deps.now()), warning, stated };
}

async function bytesOf(
  deps: OpenManifestDeps,
  request: ManifestRequest,
  digest: Digest,
  resolved: FreshnessFacts,
): Promise<FreshnessFacts & HeldManifest> {
  const { target, forceRevalidation: force, signal } = request;
  const { upstream, repository } = target;
  const cached = await readHeld(deps, target, digest);
  if (cached !== undefined) return { ...resolved, ...cached };
  const options = { subject: digest, force, signal };
  // More than one try, because the manifest may be purged or evicted before it is read.
  for (let tries = 0; tries < maxTries; tries += 1) {
    const { joined } = await deps.requestFromWorker('fetch-manifest', { upstream, repository, digest }, options);
    const held = await readHeld(deps, target, digest);
    if (held === undefined) continue;
    const cache: CacheResult = joined ? 'JOINED' : 'MISS';
    // A tag that is served stale stays STALE, although its manifest was fetched again.
    return { ...resolved, ...held, ...(resolved.cache !== 'STALE' && { cache }) };
  }
  throw new CacheError(
    'store-unavailable',
    `Manifest ${digest} was stored, but cannot be read back. Try again later.`,
    { retryable: true },
  );
}

async function statHeld(
  deps: OpenManifestDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<Pick<ManifestFacts, 'mediaType' | 'size'> | undefined> {
  if ((await findLink(deps, key, digest, 'manifest')) === undefined) return undefined;
  return statStoredManifest(deps, key, digest);
}

async function readHeld(deps: OpenManifestDeps, key: RepositoryKey, digest: Digest): Promise<HeldManifest | undefined> {
  const link = await findLink(deps, key, digest, 'manifest');
  if (link === undefined) return undefined;
  const manifest = await readStoredManifest(deps, key, digest);
  return manifest && { manifest, platform: link.platform };
}

/**
 * Counts a pull of the tag, also for a HEAD, because docker and containerd send HEAD with the tag, then GET with the digest.
 */
async function recordPull(deps: OpenManifestDeps, request: ManifestRequest, digest: Digest): Promise<void> {
  const { index, now, refreshParts } = deps;
  const { target, reference } = request;
  const { upstream, repository } = target;
  await index.blobs.touch(digest, now());
  refreshParts(digest);
  if (reference.kind !== 'tag') return;
  const key = { upstream, repository, tag: reference.tag };
  await index.tags.recordPull(key, now());
  index.popularity.countTag(key);
}

// One manifest for one client, by tag or by digest: the same facts for HEAD and GET, and exact bytes for GET.
import type { RepositoryKey } from '@cistern/cache-index';
import type { Digest } from '@cistern/oci';
import { CacheError } from '@cistern/errors';
import { type HeldDeps, findLink } from '../held.ts';
import type { CacheResult, ManifestFacts, ManifestRequest, OpenedManifest } from '../pull-through.ts';
import type { CachedManifest } from './manifest-cache.ts';
import { type ResolveTagDeps, resolveTag } from './resolve-tag.ts';
import { type StoredManifestDeps, readStoredManifest, statStoredManifest } from './stored-manifest.ts';

export type OpenManifestDeps = ResolveTagDeps & StoredManifestDeps & HeldDeps;

interface Resolved {
  readonly digest: Digest;
  readonly cache: CacheResult;
  readonly ageMs?: number;
}

export async function openManifest(deps: OpenManifestDeps, request: ManifestRequest): Promise<OpenedManifest> {
  const resolved = await resolve(deps, request, 'manifest');
  const { digest, ageMs } = resolved;
  const { manifest, cache } = await bytesOf(deps, request, resolved);
  await recordPull(deps, request, digest);
  return { digest, ageMs, cache, mediaType: manifest.mediaType, bytes: manifest.bytes, size: manifest.bytes.length };
}

export async function statManifest(deps: OpenManifestDeps, request: ManifestRequest): Promise<ManifestFacts> {
  const { reference } = request;
  if (reference.kind === 'tag') {
    const key = { upstream: request.upstream, repository: request.repository, tag: reference.tag };
    const options = { want: 'digest', force: request.forceRevalidation, signal: request.signal } as const;
    const { record, cache } = await resolveTag(deps, key, options);
    await recordPull(deps, request, record.digest);
    // An adopted tag names a manifest that is here; what it is like is read from it.
    if (record.mediaType !== '')
      return {
        digest: record.digest,
        mediaType: record.mediaType,
        size: record.size,
        cache,
        ageMs: ageOf(deps, record),
      };
  }
  const { digest, cache, ageMs } = await resolve(deps, request, 'digest');
  if ((await findLink(deps, request, digest, 'manifest')) !== undefined) {
    const facts = await statStoredManifest(deps, request, digest);
    if (facts !== undefined) return { digest, cache, ageMs, mediaType: facts.mediaType, size: facts.size };
  }
  const fetched = await bytesOf(deps, request, { digest, cache });
  const { mediaType, bytes } = fetched.manifest;
  return { digest, ageMs, cache: fetched.cache, mediaType, size: bytes.length };
}

async function resolve(
  deps: OpenManifestDeps,
  request: ManifestRequest,
  want: 'digest' | 'manifest',
): Promise<Resolved> {
  const { reference, upstream, repository, forceRevalidation: force, signal } = request;
  if (reference.kind === 'digest') return { digest: reference.digest, cache: 'HIT' };
  const { record, cache } = await resolveTag(
    deps,
    { upstream, repository, tag: reference.tag },
    { want, force, signal },
  );
  return { digest: record.digest, cache, ageMs: ageOf(deps, record) };
}

/** Never confirmed means as old as its first sight here. */
function ageOf(
  { now }: OpenManifestDeps,
  record: { readonly checkedAtMs: number; readonly firstSeenAtMs: number },
): number {
  return Math.max(0, now() - (record.checkedAtMs || record.firstSeenAtMs));
}

async function bytesOf(
  deps: OpenManifestDeps,
  request: ManifestRequest,
  { digest, cache }: Resolved,
): Promise<{ readonly manifest: CachedManifest; readonly cache: CacheResult }> {
  const here = await readHeld(deps, request, digest);
  if (here !== undefined) return { manifest: here, cache };
  const { upstream, repository, signal } = request;
  const { joined } = await deps.ask('fetch-manifest', { upstream, repository, digest }, { subject: digest, signal });
  const manifest = await readHeld(deps, request, digest);
  if (manifest === undefined)
    throw new CacheError('store-unavailable', `Manifest ${digest} was stored and cannot be read back.`, {
      retryable: true,
    });
  return { manifest, cache: joined ? 'JOINED' : 'MISS' };
}

async function readHeld(
  deps: OpenManifestDeps,
  key: RepositoryKey,
  digest: Digest,
): Promise<CachedManifest | undefined> {
  if ((await findLink(deps, key, digest, 'manifest')) === undefined) return undefined;
  return readStoredManifest(deps, key, digest);
}

/** docker and containerd name the tag in a HEAD only and then pull by digest, so a HEAD of a tag counts as a pull too. */
async function recordPull({ index, now }: OpenManifestDeps, request: ManifestRequest, digest: Digest): Promise<void> {
  const { reference, upstream, repository } = request;
  await index.blobs.touch(digest, now());
  if (reference.kind === 'tag') await index.tags.recordPull({ upstream, repository, tag: reference.tag }, now());
}

// Fetches the manifests of an image that clients on the given platforms will request. For an image index, these are the
// index and its manifests for the platforms. Cached manifests cost no pull.
import type { RepositoryKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import {
  type Child,
  type Digest,
  isIndexMediaType,
  type Manifest,
  parseStoredManifest,
  platformName,
} from '@cistern/oci';
import type { CallOptions } from '@cistern/upstream';
import { fetchManifest, readStored, type WorkDeps } from '@cistern/pull-through';

/**
 * Resolves to the manifests of the images, without the index. Rejects as `fetchManifest` does. A manifest of the index
 * is skipped if the upstream does not have it, denies it or sends wrong bytes.
 */
export async function fetchManifests(
  deps: WorkDeps,
  key: RepositoryKey,
  digest: Digest,
  platforms: ReadonlySet<string>,
  options: CallOptions,
): Promise<Manifest[]> {
  const manifest = await fetchOneManifest(deps, key, digest, options);
  if (!isIndexMediaType(manifest.mediaType)) return [manifest];
  const images: Manifest[] = [];
  for (const child of chooseChildren(manifest, platforms)) {
    const image = await fetchListed(deps, key, child, options);
    if (image !== undefined) images.push(image);
  }
  return images;
}

/**
 * Chooses the images for the platforms from an index. If the index lists a single image, that image is chosen for any
 * platform.
 */
function chooseChildren({ children }: Manifest, platforms: ReadonlySet<string>): readonly Child[] {
  const named = children.flatMap((child) => {
    const name = child.platform && platformName(child.platform);
    return name === undefined || isIndexMediaType(child.mediaType) ? [] : [{ child, name }];
  });
  const wanted = named.length === 1 ? named : named.filter(({ name }) => platforms.has(name));
  return wanted.map(({ child }) => child);
}

/**
 * Fetches a manifest of an index. `undefined` means that it is skipped, because an upstream may not have all manifests
 * that an index lists.
 */
async function fetchListed(
  deps: WorkDeps,
  key: RepositoryKey,
  { digest }: Child,
  options: CallOptions,
): Promise<Manifest | undefined> {
  try {
    return await fetchOneManifest(deps, key, digest, options);
  } catch (error) {
    if (!isCacheError(error, 'manifest-unknown', 'denied', 'content-mismatch')) throw error;
    deps.log.warn({ err: error, digest, ...key }, 'failed to prewarm image listed in index');
    return undefined;
  }
}

async function fetchOneManifest(
  deps: WorkDeps,
  { upstream, repository }: RepositoryKey,
  digest: Digest,
  options: CallOptions,
): Promise<Manifest> {
  await fetchManifest(deps, { upstream, repository, digest }, options);
  const [bytes, link] = await Promise.all([
    readStored(deps, digest),
    deps.index.links.get({ upstream, repository }, digest),
  ]);
  if (bytes === undefined)
    throw new CacheError('store-unavailable', `Manifest ${digest} was stored, but cannot be read back.`, {
      retryable: true,
    });
  return parseStoredManifest(bytes, link?.mediaType);
}

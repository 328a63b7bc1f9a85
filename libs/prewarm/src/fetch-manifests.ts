// The manifests of an image as clients of some platforms will ask for them: itself or, of an index, those that it lists for
// them too. What is here already costs no pull.
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
 * Resolves with the images, without the index. Rejects as `fetchManifest`; of what an index lists, only for want of budget or an
 * answer.
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

/** An index with one image is that image, whatever it is said to be for. */
function chooseChildren({ children }: Manifest, platforms: ReadonlySet<string>): readonly Child[] {
  const named = children.flatMap((child) => {
    const name = child.platform && platformName(child.platform);
    return name === undefined || isIndexMediaType(child.mediaType) ? [] : [{ child, name }];
  });
  const wanted = named.length === 1 ? named : named.filter(({ name }) => platforms.has(name));
  return wanted.map(({ child }) => child);
}

/** An upstream need not have all that its index lists. */
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
    deps.log.warn({ err: error, digest, ...key }, 'an image that an index lists cannot be fetched early');
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
    throw new CacheError('store-unavailable', `Manifest ${digest} was stored and cannot be read back.`, {
      retryable: true,
    });
  return parseStoredManifest(bytes, link?.mediaType);
}

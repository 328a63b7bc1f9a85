// Collects the content of a bundle: the manifests of each image for the requested platforms, and their blobs. Each digest is
// collected only one time.
import type { RepositoryKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import { type Digest, type Manifest, parseManifest, platformName } from '@cistern/oci';
import type { ResolvedImage } from '@cistern/upstream';
import { AuthorizedRepository, type OpenedManifest, type PullThrough } from '@cistern/pull-through';

export interface CollectOptions {
  readonly cache: Pick<PullThrough, 'openManifest'>;
  /** The requested platforms, in the format of `platformName`. `undefined` means all platforms. */
  readonly platforms: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for a manifest that an index lists but upstream does not have. */
  readonly onAbsent: (digest: Digest) => void;
}

/** A manifest or blob of a bundle. It is read from `source`, but other repositories may also have it. */
export interface Part {
  readonly digest: Digest;
  readonly size: number;
  readonly source: RepositoryKey;
}

export interface CollectedImages {
  /** In the order of the requested images. */
  readonly tops: readonly {
    readonly image: ResolvedImage;
    readonly manifest: OpenedManifest;
    readonly parsed: Manifest;
  }[];
  readonly manifests: ReadonlyMap<Digest, Part>;
  readonly blobs: ReadonlyMap<Digest, Part>;
}

/** The limit for indexes within indexes. No known image is nested deeper. */
const maxDepth = 4;

/**
 * Pulls manifests that are not cached. Rejects as `openManifest` does. Rejects with `unsupported` if an image has nothing for the
 * requested platforms, or a format that bundles cannot contain.
 */
export async function collectImages(
  { cache, platforms, signal, onAbsent }: CollectOptions,
  images: readonly ResolvedImage[],
): Promise<CollectedImages> {
  const manifests = new Map<Digest, Part>();
  const blobs = new Map<Digest, Part>();

  const open = async (key: ResolvedImage) =>
    cache.openManifest({ target: AuthorizedRepository.ofOperator(key), reference: key.reference, signal });

  async function collect(key: ResolvedImage, opened: OpenedManifest, depth: number): Promise<Manifest> {
    const { digest, size, bytes, mediaType } = opened;
    const source = { upstream: key.upstream, repository: key.repository };
    const parsed = parseManifest(bytes, mediaType);
    if (parsed.kind === 'schema1')
      throw unsupported(key, 'is in the format from before 2016, which bundles cannot contain');
    if (parsed.kind === 'other') throw unsupported(key, `is a ${parsed.mediaType}, a type whose content is unknown`);
    if (depth > maxDepth) throw unsupported(key, 'nests indexes too deeply');
    manifests.set(digest, { digest, size, source });
    if (parsed.kind === 'index') await collectChildren(key, parsed, depth);
    else
      for (const child of parsed.children)
        if (child.foreign !== true) blobs.set(child.digest, { digest: child.digest, size: child.size!, source });
    return parsed;
  }

  async function collectChildren(key: ResolvedImage, { children }: Manifest, depth: number): Promise<void> {
    let found = 0;
    for (const { digest, platform } of children) {
      const name = platform && platformName(platform);
      if (platforms !== undefined && !platforms.some((wanted) => isFor(name, wanted))) continue;
      const opened = await openIfPresent({ ...key, reference: { kind: 'digest', digest } });
      if (opened === undefined) continue;
      await collect(key, opened, depth + 1);
      found += 1;
    }
    if (found > 0 || children.length === 0) return;
    const names = children.map(({ platform }) => platform && platformName(platform)).filter(Boolean);
    throw unsupported(key, `has nothing for ${platforms?.join(', ') ?? 'any platform'}: it lists ${names.join(', ')}`);
  }

  async function openIfPresent(key: ResolvedImage): Promise<OpenedManifest | undefined> {
    try {
      return await open(key);
    } catch (error) {
      if (!isCacheError(error, 'manifest-unknown') || key.reference.kind !== 'digest') throw error;
      onAbsent(key.reference.digest);
      return undefined;
    }
  }

  const tops: CollectedImages['tops'][number][] = [];
  for (const image of images) {
    const manifest = await open(image);
    tops.push({ image, manifest, parsed: await collect(image, manifest, 0) });
  }
  return { tops, manifests, blobs };
}

/** A platform without a variant includes all its variants, so `linux/arm64` matches `linux/arm64/v9`. */
function isFor(name: string | undefined, wanted: string): boolean {
  return name === wanted || name?.startsWith(`${wanted}/`) === true;
}

function unsupported({ upstream, repository }: RepositoryKey, fault: string): CacheError {
  return new CacheError('unsupported', `An image of ${upstream}/${repository} ${fault}.`);
}

// Describes an image for operators: its content, and how much of it is cached. It sends no upstream requests.
import type { BlobStore, ImageName } from '@cistern/blob-store';
import type { CacheIndex, RepositoryKey, TagRecord } from '@cistern/index';
import {
  type Child,
  type Digest,
  type Manifest,
  OciSyntaxError,
  parseStoredManifest,
  type Platform,
  platformName,
  type Tag,
} from '@cistern/oci';
import { peekManifest, readHashed, readLinksObject, readTagObject } from '@cistern/content';
import { forEachBounded } from '@cistern/runtime';
import { isStored, platformDigests } from './find-cached-content.ts';
import type { ImageDetails, Platform as ImagePlatform } from '../api/images.ts';

export interface DescribeImageDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly now: () => number;
}

/** `platforms` has at most 100 platforms of an image index. `tags` are found among the first 2,000 tags of the repository. */
interface ImageDescription extends Pick<ImageDetails, 'mediaType' | 'tags' | 'platforms'> {
  /** The record of the tag; `undefined` for an image by digest. */
  readonly record: TagRecord | undefined;
  readonly digest: Digest;
  /** False for an image index without any cached platform. */
  readonly hasContent: boolean;
  /** 0 means unknown. */
  readonly lastPulledAtMs: number;
}

const maxPlatforms = 100;
const maxTags = 2_000;
const atOnce = 16;
const maxConfigBytes = 1024 * 1024;

/** Resolves to `undefined` if the image is not cached. Rejects with `index-unavailable` or `store-unavailable`. */
export async function describeImage(
  deps: DescribeImageDeps,
  { upstream, repository, reference }: ImageName,
): Promise<ImageDescription | undefined> {
  const { index, store, now } = deps;
  const key = { upstream, repository };
  const record =
    reference.kind === 'tag'
      ? ((await index.tags.get({ ...key, tag: reference.tag })) ??
        (await readTagObject(store, { ...key, tag: reference.tag }, now())))
      : undefined;
  const digest = reference.kind === 'tag' ? record?.digest : reference.digest;
  if (digest === undefined || (record === undefined && !(await isHeld(deps, key, digest)))) return undefined;
  const manifest = await readManifest(deps, digest);
  return {
    record,
    digest,
    mediaType: manifest?.mediaType ?? record?.mediaType ?? '',
    tags: await tagsNaming(index, key, digest),
    hasContent: await hasContent(index, manifest),
    platforms: manifest === undefined ? [] : await platformsOf(deps, key, digest, manifest),
    lastPulledAtMs: record?.lastPulledAtMs ?? (await index.blobs.get(digest))?.lastPulledAtMs ?? 0,
  };
}

async function isHeld({ index, store }: DescribeImageDeps, key: RepositoryKey, digest: Digest): Promise<boolean> {
  const link = await index.links.get(key, digest);
  return link?.kind === 'manifest' || (await readLinksObject(store, key, digest)) !== undefined;
}

async function hasContent(index: CacheIndex, manifest: SizedManifest | undefined): Promise<boolean> {
  if (manifest?.kind !== 'index') return true;
  for (const platform of platformDigests(manifest).slice(0, maxPlatforms))
    if (await isStored(index, platform)) return true;
  return false;
}

interface SizedManifest extends Manifest {
  /** The size of the manifest itself, in bytes. */
  readonly size: number;
}

async function readManifest(deps: DescribeImageDeps, digest: Digest): Promise<SizedManifest | undefined> {
  const peeked = await peekManifest(deps, digest);
  if (peeked === undefined) return undefined;
  try {
    return { ...parseStoredManifest(peeked.bytes, peeked.mediaType), size: peeked.bytes.length };
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}

async function tagsNaming({ tags }: CacheIndex, key: RepositoryKey, digest: Digest): Promise<Tag[]> {
  const records = await tags.list(key.upstream, key.repository, { limit: maxTags });
  return records.filter((record) => record.digest === digest).map(({ tag }) => tag);
}

async function platformsOf(
  deps: DescribeImageDeps,
  key: RepositoryKey,
  digest: Digest,
  manifest: SizedManifest,
): Promise<ImagePlatform[]> {
  if (manifest.kind !== 'index') {
    const platform = (await deps.index.links.get(key, digest))?.platform ?? (await platformOfConfig(deps, manifest));
    return [await describePlatform(deps, { platform, digest }, manifest)];
  }
  const platforms: ImagePlatform[] = [];
  const listed = manifest.children.slice(0, maxPlatforms);
  await forEachBounded(listed.entries(), { atOnce }, async ([at, child]) => {
    const platform = (child.platform && platformName(child.platform)) ?? null;
    const own = (await readManifest(deps, child.digest)) ?? { size: child.size ?? 0, children: [], isMissing: true };
    platforms[at] = await describePlatform(deps, { platform, digest: child.digest }, own);
  });
  return platforms;
}

async function describePlatform(
  { index }: DescribeImageDeps,
  { platform, digest }: Pick<ImagePlatform, 'platform' | 'digest'>,
  { size, children, isMissing = false }: Pick<SizedManifest, 'size' | 'children'> & { readonly isMissing?: boolean },
): Promise<ImagePlatform> {
  const cached = new Set<Digest>();
  await forEachBounded(children, { atOnce }, async (child) => {
    if (await isStored(index, child.digest)) cached.add(child.digest);
  });
  return {
    platform,
    digest,
    bytes: size + bytesOf(children),
    cachedBytes: (isMissing ? 0 : size) + bytesOf(children.filter((child) => cached.has(child.digest))),
    layers: children
      .filter(({ role }) => role !== 'config')
      .map((child) => ({
        digest: child.digest,
        bytes: child.size ?? 0,
        mediaType: child.mediaType,
        cached: cached.has(child.digest),
      })),
  };
}

function bytesOf(children: readonly Child[]): number {
  return children.reduce((sum, child) => sum + (child.size ?? 0), 0);
}

/**
 * Reads the platform of an image from its configuration. Resolves to null if the configuration is not cached, or if it names no
 * platform.
 */
async function platformOfConfig({ store }: DescribeImageDeps, { children }: Manifest): Promise<string | null> {
  const config = children.find(({ role }) => role === 'config');
  if (config === undefined) return null;
  try {
    const { bytes } = await readHashed(store, config.digest, maxConfigBytes);
    if (bytes === undefined) return null;
    const { os, architecture, variant } = (JSON.parse(bytes.toString('utf8')) ?? {}) as Partial<Platform>;
    if (typeof os !== 'string' || typeof architecture !== 'string') return null;
    return platformName({ os, architecture, ...(typeof variant === 'string' && { variant }) }) ?? null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

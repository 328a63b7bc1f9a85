// Fills the cache from a bundle, as if upstream had sent the content. All content is verified while it is stored, and no tag is
// written before all content of the bundle is stored. If an import was interrupted, the next one skips the blobs that are already
// stored.
import { type BlobStore, putBytes } from '@cistern/blob-store';
import type { CacheIndex, TagKey, TagRecord } from '@cistern/index';
import { type Digest, parseManifest } from '@cistern/oci';
import type { ResolvedImage } from '@cistern/upstream';
import {
  untilDeleted,
  verifiedRecord,
  putLinks,
  linksOf,
  recordManifest,
  findTag,
  writeHeldObject,
  writeLinksObject,
  writeTagObject,
} from '@cistern/content';
import { forEachBounded } from '@cistern/runtime';
import { type BundleFile, openBundleFile } from './open-bundle-file.ts';
import { type ImportPlan, type PlannedImage, type PlannedManifest, planImport, readManifest } from './plan-import.ts';
import { storePart } from './store-part.ts';

export interface ImportOptions {
  readonly path: string;
  readonly index: CacheIndex;
  readonly store: BlobStore;
  /** Throws for a name that this cache does not serve. */
  readonly resolve: (name: string) => ResolvedImage;
  /**
   * True if the import replaces tags in all cases. It then also replaces a tag that changed in this cache at the same time or
   * later. The same applies if the bundle does not contain the time of the change.
   */
  readonly overwrite: boolean;
  readonly now: () => number;
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk that was read, and once for each skipped blob. */
  readonly onProgress?: ((progress: ImportProgress) => void) | undefined;
}

export interface ImportProgress {
  readonly blobs: number;
  readonly blobsDone: number;
  /** Number of blobs that were already cached. */
  readonly blobsKept: number;
  readonly bytes: number;
  readonly bytesDone: number;
}

export interface ImportedImage {
  readonly name: string;
  readonly digest: Digest;
  /**
   * `kept` means that the tag was not changed. Either the tag of the cache (`before`) is as new or newer, or the bundle lacks
   * the time of the change.
   */
  readonly result: 'added' | 'moved' | 'unchanged' | 'kept';
  readonly before?: Pick<TagRecord, 'digest' | 'changedAtMs'> | undefined;
}

export interface ImportResult extends ImportProgress {
  readonly images: readonly ImportedImage[];
}

type Step = ImportOptions & { readonly file: BundleFile };

const blobsAtOnce = 4;

/**
 * Rejects with `content-mismatch` if the bundle is damaged or incomplete. Also rejects with `store-unavailable`,
 * `index-unavailable`, or the signal's reason. After
 * `content-mismatch` no tag has been stored. After other errors some tags may have been stored. An incomplete blob is
 * never stored.
 */
export async function importBundle(options: ImportOptions): Promise<ImportResult> {
  const file = await openBundleFile(options.path, options.signal);
  try {
    const plan = await planImport({ ...options, file });
    const step = { ...options, file };
    const progress = await importBlobs(step, plan);
    for (const manifest of plan.manifests) await importManifest(step, manifest);
    const images: ImportedImage[] = [];
    for (const image of plan.images) images.push(await importTag(step, image));
    return { ...progress, images };
  } finally {
    await file.close();
  }
}

async function importBlobs(step: Step, { blobs }: ImportPlan): Promise<ImportProgress> {
  const { signal, onProgress } = step;
  const bytes = blobs.values().reduce((sum, size) => sum + size, 0);
  const progress = { blobs: blobs.size, blobsDone: 0, blobsKept: 0, bytes, bytesDone: 0 };
  const advance = (more: number): void => {
    progress.bytesDone += more;
    onProgress?.({ ...progress });
  };
  await forEachBounded(blobs, { atOnce: blobsAtOnce, signal }, async ([digest, size]) => {
    if (await isKept(step, digest, size)) {
      progress.blobsKept += 1;
      advance(size);
    } else await importBlob(step, digest, size, advance);
    progress.blobsDone += 1;
  });
  return progress;
}

/**
 * Returns whether the index has a verified record of the blob, and the store has the blob with this size. First marks the blob as
 * used, so that it is not evicted.
 */
async function isKept({ index, store, now }: Step, digest: Digest, size: number): Promise<boolean> {
  await index.blobs.touch(digest, now());
  const record = await index.blobs.get(digest);
  if (record?.verified !== true || record.state === 'deleting') return false;
  return (await store.stat(digest))?.size === size;
}

async function importBlob(
  { path, file, index, store, now, signal }: Step,
  digest: Digest,
  size: number,
  advance: (bytes: number) => void,
): Promise<void> {
  await untilDeleted({ index }, digest);
  await storePart({ path, file, store, signal, advance }, digest, size);
  await index.blobs.put(verifiedRecord(digest, size, now()));
}

async function importManifest({ path, file, index, store, now }: Step, manifest: PlannedManifest): Promise<void> {
  const { digest, mediaType, platform } = manifest;
  const key = { upstream: manifest.upstream, repository: manifest.repository };
  const bytes = await readManifest(path, file, digest);
  const parsed = parseManifest(bytes, mediaType);
  // The links count as confirmed by upstream, because the operator trusts the bundle.
  const links = linksOf(key, digest, { manifest: parsed, size: bytes.length, platform }).map((link) => ({
    ...link,
    confirmed: true,
  }));
  await untilDeleted({ index }, digest);
  await putBytes(store, digest, bytes);
  await recordManifest({ index, now }, digest, mediaType, bytes.length);
  await writeLinksObject(store, key, links, now());
  for (const link of links) if (link.kind === 'blob') await writeHeldObject(store, key, link.digest);
  await putLinks(index, key, links);
}

async function importTag(step: Step, { name, image, top, changedAtMs }: PlannedImage): Promise<ImportedImage> {
  const { index, store, now } = step;
  const { digest, mediaType, size } = top;
  const { upstream, repository, reference } = image;
  if (reference.kind === 'digest') return { name, digest, result: 'added' };
  const key: TagKey = { upstream, repository, tag: reference.tag };
  const before = await findTag(step, key);
  if (before?.digest === digest) return { name, digest, result: 'unchanged' };
  const isNewer = before === undefined || (changedAtMs !== undefined && changedAtMs > before.changedAtMs);
  if (!isNewer && !step.overwrite) return { name, digest, result: 'kept', before };
  const record: TagRecord = {
    schema: 1,
    ...key,
    digest,
    mediaType,
    size,
    sequence: (before?.sequence ?? 0) + 1,
    firstSeenAtMs: before?.firstSeenAtMs ?? now(),
    changedAtMs: changedAtMs ?? now(),
    // The exporting cache may have confirmed the tag later, but the bundle contains no later time.
    checkedAtMs: changedAtMs ?? 0,
    lastPulledAtMs: before?.lastPulledAtMs ?? 0,
    pulls: before?.pulls ?? 0,
    lastTriedAtMs: 0,
    origin: changedAtMs === undefined ? 'adopted' : 'upstream',
  };
  await writeTagObject(store, record);
  await index.tags.put(record);
  return { name, digest, result: before === undefined ? 'added' : 'moved', before };
}

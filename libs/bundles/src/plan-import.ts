// Plans an import before anything is written: the images of the bundle, their manifests, and the blobs of these manifests. If the
// bundle is incomplete or contradicts itself, the whole bundle is rejected.
import type { RepositoryKey } from '@cistern/index';
import type { CacheError } from '@cistern/errors';
import {
  type Child,
  type Descriptor,
  type Digest,
  hasDigest,
  isLayoutMarker,
  layoutBlobPath,
  type LayoutEntry,
  layoutIndexPath,
  layoutMarker,
  maxManifestBytes,
  OciSyntaxError,
  parseLayoutIndex,
  parseManifest,
  platformName,
} from '@cistern/oci';
import type { ResolvedImage } from '@cistern/upstream';
import { changedAtMsOf, nameOf } from './bundle-names.ts';
import { type BundleFile, damaged } from './open-bundle-file.ts';

export interface PlannedImage {
  readonly name: string;
  readonly image: ResolvedImage;
  readonly top: Descriptor;
  /** The time when the tag changed in the exporting cache. `undefined` means that it is unknown. */
  readonly changedAtMs: number | undefined;
}

export interface PlannedManifest extends RepositoryKey {
  readonly digest: Digest;
  readonly mediaType: string;
  /** The platform in the index that lists the manifest. */
  readonly platform: string | undefined;
}

export interface ImportPlan {
  readonly images: readonly PlannedImage[];
  /** Ordered, so that the manifests of an index come before the index. */
  readonly manifests: readonly PlannedManifest[];
  /** The size of each blob in bytes. */
  readonly blobs: ReadonlyMap<Digest, number>;
}

export interface PlanOptions {
  readonly path: string;
  readonly file: BundleFile;
  /** Throws for a name that this cache does not serve. */
  readonly resolve: (name: string) => ResolvedImage;
}

const maxIndexBytes = 16 * 1024 * 1024;
/** The limit for indexes within indexes. No known image is nested deeper. */
const maxDepth = 4;

/** Rejects with `content-mismatch` if the bundle cannot be imported, or with the error that `resolve` throws. */
export async function planImport({ path, file, resolve }: PlanOptions): Promise<ImportPlan> {
  const manifests = new Map<string, PlannedManifest>();
  const blobs = new Map<Digest, number>();

  async function visit(key: RepositoryKey, descriptor: Descriptor, name: string, depth = 0): Promise<void> {
    const { digest, mediaType, platform } = descriptor;
    const { upstream, repository } = key;
    const id = `${upstream}/${repository} ${digest}`;
    if (manifests.has(id)) return;
    if (depth > maxDepth) throw damaged(path, `nests indexes too deeply in ${name}`);
    const bytes = await readManifest(path, file, digest);
    const parsed = parseOrReject(path, digest, () => parseManifest(bytes, mediaType));
    if (parsed.kind === 'schema1' || parsed.kind === 'other')
      throw damaged(path, `has a manifest of ${name} that is a ${parsed.mediaType}, a type whose content is unknown`);
    if (parsed.kind === 'index') await visitListed(key, parsed.children, name, depth);
    else for (const child of parsed.children) addBlob(child, name);
    manifests.set(id, {
      upstream,
      repository,
      digest,
      mediaType: parsed.mediaType,
      platform: platform && platformName(platform),
    });
  }

  /**
   * Visits the listed manifests that the bundle contains. Others are skipped, because a bundle may have images for only some
   * platforms.
   */
  async function visitListed(key: RepositoryKey, children: readonly Child[], name: string, depth: number) {
    const here = children.filter(({ digest }) => file.sizeOf(layoutBlobPath(digest)) !== undefined);
    if (children.length > 0 && here.length === 0) throw damaged(path, `contains none of the images that ${name} lists`);
    for (const child of here) {
      checkSize(child.digest, child.size, name);
      await visit(key, { ...child, size: child.size ?? 0 }, name, depth + 1);
    }
  }

  function addBlob({ digest, size, foreign }: Child, name: string): void {
    if (foreign === true) return;
    checkSize(digest, size, name);
    blobs.set(digest, size!);
  }

  function checkSize(digest: Digest, wanted: number | undefined, name: string): void {
    const size = file.sizeOf(layoutBlobPath(digest));
    if (size === undefined) throw damaged(path, `lacks ${digest}, which ${name} needs`);
    if (size !== wanted) throw damaged(path, `has ${size} bytes of ${digest}, and ${name} needs ${wanted}`);
  }

  const images: PlannedImage[] = [];
  for (const entry of await readEntries(path, file)) {
    const planned = planImage(path, entry, resolve);
    checkSize(entry.digest, entry.size, planned.name);
    await visit(planned.image, entry, planned.name);
    images.push(planned);
  }
  return { images, manifests: [...manifests.values()], blobs };
}

/** Reads and verifies a manifest. Rejects with `content-mismatch`. */
export async function readManifest(path: string, file: BundleFile, digest: Digest): Promise<Buffer> {
  const bytes = await file.readWhole(layoutBlobPath(digest), maxManifestBytes);
  if (!hasDigest(bytes, digest)) throw mismatch(path, digest);
  return bytes;
}

export function mismatch(path: string, digest: Digest): CacheError {
  return damaged(path, `is damaged: the bytes named ${digest} do not match this digest`);
}

async function readEntries(path: string, file: BundleFile): Promise<readonly LayoutEntry[]> {
  if (file.sizeOf(layoutMarker.path) === undefined)
    throw damaged(path, `is not an OCI image layout: it has no ${layoutMarker.path}`);
  const marker = await file.readWhole(layoutMarker.path, maxManifestBytes);
  const bytes = await file.readWhole(layoutIndexPath, maxIndexBytes);
  const entries = parseOrReject(path, layoutIndexPath, () => {
    if (!isLayoutMarker(marker)) throw damaged(path, 'is an image layout of another version than 1');
    return parseLayoutIndex(bytes);
  });
  if (entries.length === 0) throw damaged(path, 'contains no image');
  return entries;
}

function planImage(path: string, entry: LayoutEntry, resolve: PlanOptions['resolve']): PlannedImage {
  const name = nameOf(entry);
  if (name === undefined)
    throw damaged(
      path,
      `does not name the image ${entry.digest}: it needs an annotation org.opencontainers.image.ref.name with the full name, as in "skopeo copy … oci-archive:<file>:docker.io/library/nginx:1.27"`,
    );
  const image = resolve(name);
  if (image.reference.kind === 'digest' && image.reference.digest !== entry.digest)
    throw damaged(path, `gives ${entry.digest} the name ${name}`);
  return { name, image, top: entry, changedAtMs: changedAtMsOf(entry) };
}

function parseOrReject<T>(path: string, part: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof OciSyntaxError)) throw error;
    throw damaged(path, `has an invalid ${part}: ${error.message}`, error);
  }
}

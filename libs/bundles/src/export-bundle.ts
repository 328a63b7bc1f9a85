// Writes images and their content into one archive: an OCI image layout that fills another cache and that other tools can read.
// Content that is not cached is pulled. The same content of the same cache gives the same archive (decision 0025).
import type { Writable } from 'node:stream';
import type { CacheIndex } from '@cistern/index';
import { AuthorizedRepository, type OpenedBlob, type OpenedManifest, type PullThrough } from '@cistern/pull-through';
import { CacheError } from '@cistern/errors';
import {
  createDigestHash,
  digestHex,
  formatLayoutIndex,
  layoutBlobPath,
  layoutIndexPath,
  layoutMarker,
  type LayoutEntry,
} from '@cistern/oci';
import { fullNameOf, type ResolvedImage } from '@cistern/upstream';
import { annotationsOf, dockerManifestPath, formatDockerManifest, type LoadableImage } from './bundle-names.ts';
import { type CollectedImages, type CollectOptions, collectImages, type Part } from './collect-images.ts';
import { createTarWriter, type TarWriter } from './tar-writer.ts';

export interface ExportOptions extends Omit<CollectOptions, 'cache'> {
  readonly cache: Pick<PullThrough, 'openManifest' | 'openBlob'>;
  readonly index: Pick<CacheIndex, 'tags'>;
  readonly images: readonly ResolvedImage[];
  /** Receives the archive. It is ended after the archive, or destroyed if the export fails. */
  readonly output: Writable;
  /** Called after each chunk. */
  readonly onProgress?: ((progress: ExportProgress) => void) | undefined;
}

export interface ExportProgress {
  readonly images: number;
  /** Number of manifests and blobs. */
  readonly parts: number;
  readonly partsDone: number;
  readonly bytes: number;
  readonly bytesDone: number;
}

/** The number of blobs that are opened before they are written, so that blobs that are not cached are fetched meanwhile. */
const blobsAhead = 4;

/**
 * Rejects as `openManifest` and `openBlob` do, and with the error of `output`. Rejects with `content-mismatch` if bytes do not
 * match their digest.
 */
export async function exportBundle(options: ExportOptions): Promise<ExportProgress> {
  const { output, signal, onProgress } = options;
  const images = [...new Map(options.images.map((image) => [fullNameOf(image), image])).values()].sort((one, other) =>
    fullNameOf(one) < fullNameOf(other) ? -1 : 1,
  );
  const collected = await collectImages(options, images);
  const manifests = inOrder(collected.manifests);
  const blobs = inOrder(collected.blobs);
  const parts = [...manifests, ...blobs];
  const progress = {
    images: images.length,
    parts: parts.length,
    partsDone: 0,
    bytes: parts.reduce((sum, { size }) => sum + size, 0),
    bytesDone: 0,
  };
  const advance = (bytes: number, ended: number): void => {
    progress.bytesDone += bytes;
    progress.partsDone += ended;
    onProgress?.({ ...progress });
  };
  const tar = createTarWriter(output, signal);
  const addText = (name: string, text: string) => tar.add(name, Buffer.byteLength(text), [Buffer.from(text)]);
  try {
    await addText(layoutMarker.path, layoutMarker.content);
    await addText(layoutIndexPath, formatLayoutIndex(await describeImages(options, collected)));
    await addText(dockerManifestPath, formatDockerManifest(await loadable(options, collected)));
    for (const { source, digest } of manifests) {
      const { bytes } = await openByDigest(options, source, digest);
      await addPart(tar, { digest, size: bytes.length, source }, [bytes], advance);
    }
    const open = ({ digest, source }: Part) =>
      options.cache.openBlob({ target: AuthorizedRepository.ofOperator(source), digest, intent: 'whole', signal });
    let at = 0;
    for await (const opened of startAhead(blobs, blobsAhead, open)) {
      await addPart(tar, blobs[at]!, readBlob(opened), advance);
      at += 1;
    }
    await tar.end();
  } catch (error) {
    await tar.abort(error);
    throw error;
  }
  return { ...progress };
}

/** Sorts by digest, so that the order of the images does not matter. */
function inOrder(parts: CollectedImages['manifests']): readonly Part[] {
  return [...parts.values()].sort((one, other) => (one.digest < other.digest ? -1 : 1));
}

async function describeImages({ index }: ExportOptions, { tops }: CollectedImages): Promise<readonly LayoutEntry[]> {
  return Promise.all(
    tops.map(async ({ image, manifest: { mediaType, digest, size } }) => {
      const { reference } = image;
      const record = reference.kind === 'tag' ? await index.tags.get({ ...image, tag: reference.tag }) : undefined;
      const changedAtMs = record?.digest === digest ? record.changedAtMs : undefined;
      return { mediaType, digest, size, annotations: annotationsOf(fullNameOf(image), changedAtMs) };
    }),
  );
}

async function loadable(options: ExportOptions, { tops, manifests }: CollectedImages): Promise<LoadableImage[]> {
  const images: LoadableImage[] = [];
  for (const { image, manifest, parsed } of tops) {
    if (image.reference.kind !== 'tag') continue;
    const here = parsed.children.filter(({ role, digest }) => role === 'manifest' && manifests.has(digest));
    const child = here.find(({ platform }) => platform?.os === 'linux' && platform.architecture === 'amd64') ?? here[0];
    const chosen = child === undefined ? manifest : await openByDigest(options, image, child.digest);
    images.push({ name: fullNameOf(image), manifest: chosen });
  }
  return images;
}

async function openByDigest(
  { cache, signal }: ExportOptions,
  source: Part['source'],
  digest: Part['digest'],
): Promise<OpenedManifest> {
  const target = AuthorizedRepository.ofOperator(source);
  return cache.openManifest({ target, reference: { kind: 'digest', digest }, signal });
}

async function* readBlob(opened: OpenedBlob): AsyncGenerator<Uint8Array> {
  const stream = await opened.read();
  try {
    for (let chunk = await stream.next(); chunk !== undefined; chunk = await stream.next()) yield chunk;
  } finally {
    stream.close();
  }
}

async function addPart(
  tar: TarWriter,
  { digest, size }: Part,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  advance: (bytes: number, ended: number) => void,
): Promise<void> {
  async function* verified(): AsyncGenerator<Uint8Array> {
    const hash = createDigestHash(digest);
    for await (const chunk of chunks) {
      hash.update(chunk);
      // The chunk is copied, because the archive uses it later, when the cache may have reused its buffer.
      yield Buffer.from(chunk);
      advance(chunk.length, 0);
    }
    if (hash.digest('hex') !== digestHex(digest))
      throw new CacheError(
        'content-mismatch',
        `The cached bytes of ${digest} do not match this digest. Nothing was exported.`,
      );
  }
  await tar.add(layoutBlobPath(digest), size, verified());
  advance(0, 1);
}

/** Yields the results of `start` in the order of the items. Starts up to `ahead` further items early. */
async function* startAhead<T, R>(
  items: readonly T[],
  ahead: number,
  start: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const started: Promise<R>[] = [];
  let next = 0;
  for (let at = 0; at < items.length; at += 1) {
    for (; next < items.length && next <= at + ahead; next += 1) {
      const result = start(items[next]!);
      // Without this, the failure of an item that is never awaited would be an unhandled rejection.
      result.catch(() => {});
      started.push(result);
    }
    yield await started.shift()!;
  }
}

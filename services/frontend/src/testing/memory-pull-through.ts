// A pull-through for tests: its content is in memory, it records calls, and a test can replace its methods. Its streams overwrite
// one buffer for all chunks, as the real streams do.
import { CacheError } from '@cistern/errors';
import { type Digest, digestOf, parseRepositoryName } from '@cistern/oci';
import type { BlobStream, ManifestFacts, ManifestRequest, OpenedManifest, PullThrough } from '@cistern/pull-through';

export interface MemoryContent {
  readonly blobs?: readonly Buffer[];
  readonly manifests?: readonly Buffer[];
  readonly mediaType?: string;
  /** Bytes per chunk of a blob's stream. */
  readonly chunkBytes?: number;
  /** The URL that `locate` of every blob returns. Unset means that blobs have no `locate`. */
  readonly location?: string;
  /** True if `manifestFromMemory` and `blobFromMemory` return the content. */
  readonly isInMemory?: boolean;
  /** These methods replace the methods of the same name. */
  readonly instead?: Partial<PullThrough>;
}

export interface MemoryPullThrough extends PullThrough {
  /** The method and the request of every call, in order. */
  readonly calls: readonly {
    readonly method: keyof PullThrough;
    readonly request: Readonly<Record<string, unknown>>;
  }[];
  /** The number of open streams. */
  readonly openStreams: number;
  readonly reads: number;
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';

export function createMemoryPullThrough(content: MemoryContent = {}): MemoryPullThrough {
  const {
    blobs = [],
    manifests = [],
    mediaType = ociManifest,
    chunkBytes = 64 * 1024,
    location,
    isInMemory = false,
    instead = {},
  } = content;
  const byDigest = new Map([...blobs, ...manifests].map((bytes) => [digestOf(bytes), bytes]));
  const calls: { method: keyof PullThrough; request: Record<string, unknown> }[] = [];
  let openStreams = 0;
  let reads = 0;

  const lookUp = (digest: Digest, kind: 'blob-unknown' | 'manifest-unknown'): Buffer => {
    const bytes = byDigest.get(digest);
    if (bytes === undefined) throw new CacheError(kind, `No upstream has ${digest}.`);
    return bytes;
  };

  const manifest = ({ reference }: ManifestRequest): OpenedManifest => {
    const newest = manifests.at(-1) ?? Buffer.alloc(0);
    const bytes = reference.kind === 'digest' ? lookUp(reference.digest, 'manifest-unknown') : newest;
    const age = reference.kind === 'tag' ? { ageMs: 61_900 } : {};
    return { bytes, digest: digestOf(bytes), mediaType, size: bytes.length, cache: 'HIT', ...age };
  };

  const openStream = (bytes: Buffer): BlobStream => {
    const stream = createLendingStream(bytes, chunkBytes);
    openStreams += 1;
    let closed = false;
    return {
      ...stream,
      close() {
        if (!closed) openStreams -= 1;
        closed = true;
        stream.close();
      },
    };
  };

  const base: Omit<PullThrough, 'manifestFromMemory' | 'blobFromMemory'> = {
    async statManifest(request) {
      const { bytes: _, ...facts } = manifest(request);
      return facts satisfies ManifestFacts;
    },
    async openManifest(request) {
      return manifest(request);
    },
    async openBlob({ digest }) {
      const bytes = lookUp(digest, 'blob-unknown');
      return {
        digest,
        size: bytes.length,
        cache: 'HIT',
        async read(range = { start: 0, end: bytes.length - 1 }) {
          reads += 1;
          return openStream(bytes.subarray(range.start, range.end + 1));
        },
        ...(location !== undefined && { locate: async () => location }),
      };
    },
    async listTags() {
      return { tags: ['1.0', 'latest'], cache: 'HIT', ageMs: 5_000 };
    },
    async listReferrers() {
      return { bytesBase64: Buffer.from('{"schemaVersion":2,"manifests":[]}').toString('base64'), cache: 'HIT' };
    },
    async listRepositories() {
      return [`docker.io/${parseRepositoryName('library/nginx')}`];
    },
  };
  const used = { ...base, ...instead };
  const recall: Pick<PullThrough, 'manifestFromMemory' | 'blobFromMemory'> = {
    manifestFromMemory: (request) => (isInMemory ? manifest(request) : undefined),
    blobFromMemory({ digest }) {
      const bytes = isInMemory ? byDigest.get(digest) : undefined;
      return bytes && { digest, size: bytes.length, cache: 'HIT', bytes };
    },
  };
  const recorded = (Object.keys(base) as (keyof typeof base)[]).map((method) => {
    const call = used[method] as (request: unknown) => unknown;
    const record = (request: Partial<ManifestRequest> & Record<string, unknown>) => {
      const { upstream, repository } = request.target ?? {};
      calls.push({ method, request: { ...request, upstream, repository } });
      return call(request);
    };
    return [method, record];
  });
  return Object.defineProperties(
    { ...recall, ...Object.fromEntries(recorded) },
    {
      calls: { value: calls },
      openStreams: { get: () => openStreams },
      reads: { get: () => reads },
    },
  );
}

/** Overwrites the buffer that it has returned before it fills it again. So a reader that still uses it sends wrong bytes. */
export function createLendingStream(bytes: Buffer, chunkBytes: number): BlobStream {
  const buffer = Buffer.alloc(chunkBytes);
  let offset = 0;
  return {
    cache: 'HIT',
    async next() {
      buffer.fill(0xee);
      if (offset >= bytes.length) return undefined;
      const length = bytes.copy(buffer, 0, offset, offset + chunkBytes);
      offset += length;
      return buffer.subarray(0, length);
    },
    close() {
      buffer.fill(0xdd);
    },
  };
}

// The repositories that a fake upstream serves, in memory: blobs and manifests by digest, and tags that can move.
import { type Digest, type DigestAlgorithm, digestOf, isDigest } from '@cistern/oci';
import { type Body, bytesBody, digestOfBody, type SeededBytes, seededBody } from './body.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface Repository {
  readonly tags: Map<string, Digest>;
  readonly manifests: Map<Digest, StoredManifest>;
  readonly blobs: Map<Digest, Body>;
}

interface AddedBlob {
  readonly digest: Digest;
  /** Size in bytes. */
  readonly size: number;
}

export interface AddedManifest extends AddedBlob {
  readonly repository: string;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

interface ManifestOptions {
  readonly mediaType: string;
  readonly tag?: string;
  /** Default: sha256. */
  readonly algorithm?: DigestAlgorithm;
  /** Default: the digest of the bytes. */
  readonly digest?: Digest;
}

export interface Content {
  /**
   * Creates the repository if needed, as all functions that add content do. Adding the same content again changes
   * nothing.
   */
  addBlob(repository: string, content: Uint8Array | SeededBytes, algorithm?: DigestAlgorithm): AddedBlob;
  /** Like `addBlob`, for content that is composed of several parts. */
  addBody(repository: string, body: Body, algorithm?: DigestAlgorithm): AddedBlob;
  /** Stores bytes unchanged, valid or not. Any other value is stored as JSON. */
  addManifest(repository: string, manifest: Uint8Array | object, options: ManifestOptions): AddedManifest;
  /** Points a tag to a digest, existing or not. */
  setTag(repository: string, tag: string, digest: Digest): void;
  deleteTag(repository: string, tag: string): void;
  deleteManifest(repository: string, digest: Digest): void;
  deleteBlob(repository: string, digest: Digest): void;
  deleteRepository(repository: string): void;
  find(repository: string): Repository | undefined;
  findManifest(repository: string, reference: string): StoredManifest | undefined;
}

export function createContent(): Content {
  const repositories = new Map<string, Repository>();

  function ensure(name: string): Repository {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const created: Repository = { tags: new Map(), manifests: new Map(), blobs: new Map() };
    repositories.set(name, created);
    return created;
  }

  function addBody(repository: string, body: Body, algorithm: DigestAlgorithm = 'sha256'): AddedBlob {
    const digest = digestOfBody(body, algorithm);
    ensure(repository).blobs.set(digest, body);
    return { digest, size: body.size };
  }

  return {
    addBlob: (repository, content, algorithm) =>
      addBody(repository, content instanceof Uint8Array ? bytesBody(content) : seededBody(content), algorithm),
    addBody,
    addManifest(repository, manifest, { mediaType, tag, algorithm = 'sha256', ...options }) {
      const bytes = Buffer.from(manifest instanceof Uint8Array ? manifest : JSON.stringify(manifest, undefined, 2));
      const digest = options.digest ?? digestOf(bytes, algorithm);
      const { manifests, tags } = ensure(repository);
      manifests.set(digest, { digest, mediaType, bytes });
      if (tag !== undefined) tags.set(tag, digest);
      return { repository, digest, mediaType, bytes, size: bytes.length };
    },
    setTag: (repository, tag, digest) => void ensure(repository).tags.set(tag, digest),
    deleteTag: (repository, tag) => void repositories.get(repository)?.tags.delete(tag),
    deleteManifest: (repository, digest) => void repositories.get(repository)?.manifests.delete(digest),
    deleteBlob: (repository, digest) => void repositories.get(repository)?.blobs.delete(digest),
    deleteRepository: (repository) => void repositories.delete(repository),
    find: (repository) => repositories.get(repository),
    findManifest(repository, reference) {
      const found = repositories.get(repository);
      const digest = isDigest(reference) ? reference : found?.tags.get(reference);
      return digest === undefined ? undefined : found?.manifests.get(digest);
    },
  };
}

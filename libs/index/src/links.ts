// Links record which repository of which upstream holds which digest. Bytes are shared by digest, access is not.
import type { Digest, RepositoryName } from '@cistern/oci';
import type { ReadOptions } from './blobs.ts';

export interface RepositoryKey {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

export interface Link extends RepositoryKey {
  readonly digest: Digest;
  readonly kind: 'manifest' | 'blob';
  /**
   * From the manifest that names the digest, or from a HEAD request to the upstream; `undefined` if neither gave a
   * size.
   */
  readonly size?: number | undefined;
  readonly mediaType?: string | undefined;
  /** For a manifest that an index lists: `os/architecture` or `os/architecture/variant`. */
  readonly platform?: string | undefined;
  /**
   * True if the repository's own upstream, or an operator, confirmed that the repository holds the digest. A manifest
   * is no proof: any client that may push a manifest can name foreign digests in it.
   */
  readonly confirmed?: boolean | undefined;
}

export interface LinkIndex {
  get(key: RepositoryKey, digest: Digest, options?: ReadOptions): Promise<Link | undefined>;
  /**
   * Returns the result of `get` if this process has it in memory. `undefined` means that the caller must use `get`.
   * Makes no call and never throws.
   */
  fromMemory(key: RepositoryKey, digest: Digest): Link | undefined;
  /**
   * Adds or replaces all links in one step. A confirmed link stays confirmed while its kind stays the same. Throws on a
   * link of another repository than `key`, because a cluster writes one hash slot.
   */
  put(key: RepositoryKey, links: readonly Link[]): Promise<void>;
  remove(key: RepositoryKey, digest: Digest): Promise<boolean>;
  /**
   * Returns those of `upstreams` that hold the digest in a repository of exactly this name, in the order of
   * `upstreams`.
   */
  holders(upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link[]>;
  /** Returns all digests that the repository holds, in no particular order. */
  digests(key: RepositoryKey): Promise<Digest[]>;
  /**
   * Returns repositories that hold anything, in byte order of `<upstream>/<repository>`. `after` is compared with that
   * path.
   */
  repositories(page: { readonly after?: string | undefined; readonly limit: number }): Promise<RepositoryKey[]>;
}

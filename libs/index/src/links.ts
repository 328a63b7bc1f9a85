// Links record which repository of which upstream holds which digest. All repositories share the bytes of a digest, but
// each needs a link of its own to serve them.
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
   * Size in bytes, from the manifest that names the digest, or from a HEAD request to the upstream. Unset if neither
   * gave a size.
   */
  readonly size?: number | undefined;
  readonly mediaType?: string | undefined;
  /** Platform of a manifest that an image index lists: `os/architecture` or `os/architecture/variant`. */
  readonly platform?: string | undefined;
  /**
   * True if the upstream, or an operator, confirmed that the repository holds the digest. A manifest that names the
   * digest is no proof, because a client that is allowed to push a manifest can name any digest in it.
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
   * Adds or replaces all links in one step. A confirmed link stays confirmed while its kind stays the same. Rejects
   * with `TypeError` if a link is not of the repository `key`, because one step in a Redis Cluster can write only one
   * hash slot.
   */
  put(key: RepositoryKey, links: readonly Link[]): Promise<void>;
  remove(key: RepositoryKey, digest: Digest): Promise<boolean>;
  /**
   * Returns the links of the digest in repositories of exactly this name, one for each of `upstreams` that has it. They
   * are in the order of `upstreams`.
   */
  holders(upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link[]>;
  /** Returns all digests that the repository holds, in no particular order. */
  digests(key: RepositoryKey): Promise<Digest[]>;
  /**
   * Returns repositories that have links, in byte order of the path `<upstream>/<repository>`. If `after` is set, only
   * repositories whose path comes after it.
   */
  repositories(page: { readonly after?: string | undefined; readonly limit: number }): Promise<RepositoryKey[]>;
}

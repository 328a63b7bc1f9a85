// Links: which repository of which upstream holds which digest. Bytes are shared by digest, access is not.
import type { Digest, RepositoryName } from '@cistern/oci';
import type { ReadOptions } from './blobs.ts';

export interface RepositoryKey {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

export interface Link extends RepositoryKey {
  readonly digest: Digest;
  readonly kind: 'manifest' | 'blob';
  /** From the manifest that names the digest, or from a HEAD upstream; `undefined` where neither said. */
  readonly size?: number | undefined;
  readonly mediaType?: string | undefined;
  /** Of a manifest that an index lists: `os/architecture` or `os/architecture/variant`. */
  readonly platform?: string | undefined;
  /**
   * The repository's own upstream, or an operator, has said that it holds the digest. A manifest only claims it of what it names:
   * who may push one can name the digests of others.
   */
  readonly confirmed?: boolean | undefined;
}

export interface LinkIndex {
  get(key: RepositoryKey, digest: Digest, options?: ReadOptions): Promise<Link | undefined>;
  /** What `get` would bring, if this process knows it without asking anybody. `undefined`: `get` it. Throws nothing. */
  fromMemory(key: RepositoryKey, digest: Digest): Link | undefined;
  /**
   * Adds or replaces in one step; a confirmed link stays confirmed while its kind stays the same. A link of another repository than
   * `key` throws (one hash slot in a cluster).
   */
  put(key: RepositoryKey, links: readonly Link[]): Promise<void>;
  remove(key: RepositoryKey, digest: Digest): Promise<boolean>;
  /** Which of `upstreams` hold the digest in a repository of this very name, in the order of `upstreams`. */
  holders(upstreams: readonly string[], repository: RepositoryName, digest: Digest): Promise<Link[]>;
  /** All that the repository holds, in no particular order. */
  digests(key: RepositoryKey): Promise<Digest[]>;
  /** Repositories that hold anything, in byte order of `<upstream>/<repository>`, which `after` is compared with. */
  repositories(page: { readonly after?: string | undefined; readonly limit: number }): Promise<RepositoryKey[]>;
}

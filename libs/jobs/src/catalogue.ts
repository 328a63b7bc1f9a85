// The catalogue of jobs by name. Payloads and results are JSON. They never contain a caller's credentials.
import type { Digest, RepositoryName, Tag } from '@cistern/oci';

interface RepositoryJob {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

interface JobCatalogue {
  /**
   * Fetches a whole blob. The job ends when a worker has put the fetch into its own queue (decision 0063). So callers
   * read the outcome from the record of the fill, not from this result.
   */
  'fetch-blob': { payload: RepositoryJob & FetchBlobJob; result: null };
  /** Fetches, verifies and stores a manifest by digest, with its links. */
  'fetch-manifest': { payload: RepositoryJob & { readonly digest: Digest }; result: null };
  /** Confirms with the upstream that the repository holds the blob, and records the link. */
  'stat-blob': { payload: RepositoryJob & { readonly digest: Digest }; result: null };
  /**
   * Updates the tag record. `head` sends only a HEAD, which costs no pull. `get` sends one GET, which also fetches the
   * manifest of a tag that is not cached.
   */
  'revalidate-tag': {
    payload: RepositoryJob & RevalidateTagJob;
    result: null;
  };
  'fetch-tags': {
    payload: RepositoryJob & FetchListJob & { readonly n?: number; readonly last?: string };
    result: FetchedList<TagsPage>;
  };
  'fetch-referrers': {
    payload: RepositoryJob &
      FetchListJob & {
        readonly digest: Digest;
        readonly artifactType?: string;
        /** The query from the previous page. */
        readonly nextQuery?: string;
      };
    result: FetchedList<ReferrersPage>;
  };
  /**
   * Returns the address of the worker that runs the job. The caller can then send data that must not be in a job
   * directly to that worker.
   */
  'find-worker': { payload: { readonly purpose: 'access' }; result: { readonly address: string } };
  /** Fetches the public keys of a configured issuer into the store, unless another worker did so recently. */
  'fetch-issuer-keys': { payload: { readonly issuer: string }; result: null };
  /** Confirms a tag. If the tag has moved, fetches its manifests, and the blobs in a separate job. */
  'prewarm-tag': { payload: RepositoryJob & PrewarmTagJob; result: PrewarmedTag };
  /** Fetches all blobs of an image, and publishes its progress. */
  'prewarm-blobs': {
    payload: RepositoryJob & { readonly digest: Digest; readonly platforms: readonly string[] };
    result: PrewarmedBlobs;
  };
}

interface FetchBlobJob {
  readonly digest: Digest;
  /** Replaces a running fill of this generation or an older one. 0 means that a fill starts only if none runs. */
  readonly replaces: number;
  /**
   * The range that a caller waits for: the first byte and one past the last. The fill can fetch a small range before
   * the rest.
   */
  readonly from: number;
  readonly toExclusive?: number;
  /** True if a reader of the replaced fill waits in the middle of the blob. Such a fetch has the highest priority. */
  readonly resumes?: boolean;
}

interface RevalidateTagJob {
  readonly tag: Tag;
  readonly by: 'head' | 'get';
  /**
   * The time of the record that is too old for the caller, or 0 if the caller found no record. If the worker finds a
   * newer record, it sends no request. Unset means that the worker always sends a request.
   */
  readonly checkedAtMs?: number;
  /** The time of the last try in the caller's record. If a later try has failed, it is not repeated. */
  readonly triedAtMs?: number;
}

interface PrewarmTagJob {
  readonly tag: Tag;
  /** The platforms to choose from an index. Unset means the platforms that clients pull. */
  readonly platforms?: readonly string[];
  /** The time of the record that will soon be due. If the worker finds a newer record, it sends no request. */
  readonly checkedAtMs?: number;
}

interface JobFailure {
  readonly kind: string;
  readonly message: string;
}

interface PrewarmedTag {
  /** The digest of the tag. Unset if the tag no longer exists, or after a failure. */
  readonly digest?: Digest;
  /** The platforms for which the image is prewarmed. */
  readonly platforms?: readonly string[];
  readonly failure?: JobFailure;
}

export interface PrewarmedBlobs {
  /** The number of blobs of the image, including configurations. */
  readonly blobs: number;
  readonly bytes: number;
  /** The number of blobs that were not cached before. */
  readonly fetchedBlobs: number;
  readonly fetchedBytes: number;
  readonly failure?: JobFailure;
}

interface FetchListJob {
  /**
   * Accepts a page, or a failure, that another node received from the upstream within this time. Unset means that the
   * upstream is always queried.
   */
  readonly maxAgeMs?: number;
}

export type FetchedList<Page> = Page & {
  /** When the upstream sent the page. Unset means now. */
  readonly checkedAtMs?: number;
  /** True if the page comes from the cache instead of the upstream. */
  readonly wasKept?: boolean;
};

export interface TagsPage {
  readonly tags: readonly string[];
  /** The `last` of the next page, if the upstream has one. */
  readonly next?: { readonly last: string; readonly n?: number };
  /** The upstream's `Warning` for users. */
  readonly warning?: string;
}

export interface ReferrersPage {
  /** The OCI index, exactly as the upstream sent it, in base64. */
  readonly bytesBase64: string;
  /** The upstream's `OCI-Filters-Applied`. */
  readonly filtersApplied?: string;
  /** The query of the upstream's `Link: rel="next"`, if it has one. */
  readonly nextQuery?: string;
  /** The upstream's `Warning` for users. */
  readonly warning?: string;
}

export type JobName = keyof JobCatalogue;
export type JobPayload<N extends JobName> = JobCatalogue[N]['payload'];
export type JobResult<N extends JobName> = JobCatalogue[N]['result'];

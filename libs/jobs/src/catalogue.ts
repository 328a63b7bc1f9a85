// Every job by name: what it is given and what it gives back. Payloads and results are JSON. A caller's credentials are
// never part of a job.
import type { Digest, RepositoryName, Tag } from '@cistern/oci';

interface RepositoryJob {
  readonly upstream: string;
  readonly repository: RepositoryName;
}

interface JobCatalogue {
  /** Fetches a whole blob. Ends when the fetch is parked at a worker; askers read the fill's record, not this result. */
  'fetch-blob': { payload: RepositoryJob & FetchBlobJob; result: null };
  /** Fetches, verifies and stores a manifest by digest, with its links. */
  'fetch-manifest': { payload: RepositoryJob & { readonly digest: Digest }; result: null };
  /** Asks upstream whether the repository holds the blob and records the link. */
  'stat-blob': { payload: RepositoryJob & { readonly digest: Digest }; result: null };
  /**
   * Brings the tag record up to date. `head`: by HEAD alone, which costs no pull. `get`: by one GET that brings the
   * manifest too, for a tag that nobody here has seen.
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
        /** As the page before gave it. */
        readonly nextQuery?: string;
      };
    result: FetchedList<ReferrersPage>;
  };
  /** Tells where the worker that does it can be reached, for what may not be said in a job. */
  'find-worker': { payload: { readonly purpose: 'access' }; result: { readonly address: string } };
  /** Fetches the public keys of a configured issuer into the store, unless another worker did a moment ago. */
  'fetch-issuer-keys': { payload: { readonly issuer: string }; result: null };
  /** Confirms a tag, or brings what it names now: the manifests, and the rest in a job of its own. */
  'prewarm-tag': { payload: RepositoryJob & PrewarmTagJob; result: PrewarmedTag };
  /** Fetches all blobs of an image, and publishes its progress. */
  'prewarm-blobs': {
    payload: RepositoryJob & { readonly digest: Digest; readonly platforms: readonly string[] };
    result: PrewarmedBlobs;
  };
}

interface FetchBlobJob {
  readonly digest: Digest;
  /** Take over a fill of this generation or older; 0: start one only where none lives. */
  readonly replaces: number;
  /** The first byte an asker waits for, and one past the last: lets the fill bring a small range before the rest. */
  readonly from: number;
  readonly toExclusive?: number;
  /** A reader of the fill that is replaced waits half-way: no other fetch goes before this one. */
  readonly resumes?: boolean;
}

interface RevalidateTagJob {
  readonly tag: Tag;
  readonly by: 'head' | 'get';
  /** Of the record that the asker finds too old, 0 if it has none: a newer one will do. Absent: none will. */
  readonly checkedAtMs?: number;
  /** And of its last try: one that failed since is not repeated. */
  readonly triedAtMs?: number;
}

interface PrewarmTagJob {
  readonly tag: Tag;
  /** Of an index; none: those that are pulled. */
  readonly platforms?: readonly string[];
  /** Of the record that is about to go stale: a newer one will do. */
  readonly checkedAtMs?: number;
}

interface JobFailure {
  readonly kind: string;
  readonly message: string;
}

interface PrewarmedTag {
  /** What the tag names; absent where it is gone, or after a failure. */
  readonly digest?: Digest;
  /** For which the image was chosen. */
  readonly platforms?: readonly string[];
  readonly failure?: JobFailure;
}

export interface PrewarmedBlobs {
  /** Of the image, configurations among them. */
  readonly blobs: number;
  readonly bytes: number;
  /** That were not here before. */
  readonly fetchedBlobs: number;
  readonly fetchedBytes: number;
  readonly failure?: JobFailure;
}

interface FetchListJob {
  /** What another node got of upstream so lately will do, and so will its failure to. Default: ask upstream. */
  readonly maxAgeMs?: number;
}

export type FetchedList<Page> = Page & {
  /** When upstream gave it; absent: now. */
  readonly checkedAtMs?: number;
  /** Upstream was not asked for it. */
  readonly wasKept?: boolean;
};

export interface TagsPage {
  readonly tags: readonly string[];
  /** The `last` of the next page, if upstream has one. */
  readonly next?: { readonly last: string; readonly n?: number };
  /** Upstream's `Warning` for people. */
  readonly warning?: string;
}

export interface ReferrersPage {
  /** The OCI index, exactly as upstream sent it, in base64. */
  readonly bytesBase64: string;
  /** Upstream's `OCI-Filters-Applied`. */
  readonly filtersApplied?: string;
  /** The query of upstream's `Link: rel="next"`, if it has one. */
  readonly nextQuery?: string;
  /** Upstream's `Warning` for people. */
  readonly warning?: string;
}

export type JobName = keyof JobCatalogue;
export type JobPayload<N extends JobName> = JobCatalogue[N]['payload'];
export type JobResult<N extends JobName> = JobCatalogue[N]['result'];

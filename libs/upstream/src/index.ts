export type {
  BlobRequestOptions,
  RateLimit,
  Upstream,
  UpstreamBlobBody,
  UpstreamManifest,
  UpstreamManifestHead,
  UpstreamReferrersPage,
  UpstreamTagsPage,
} from './upstream.ts';

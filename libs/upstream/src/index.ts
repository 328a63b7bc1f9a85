export type {
  OpenUpstreamOptions,
  ProxyTarget,
  UpstreamCredentials,
  UpstreamTimeouts,
  UpstreamTls,
} from './open-upstream-options.ts';
export { openUpstream } from './open-upstream.ts';
export { proxyFor } from './proxy-for.ts';
export { createMemoryTokenCache } from './token-cache.ts';
export type { CachedToken, ObtainedToken, TokenCache, TokenKey, TokenWish } from './token-cache.ts';
export { createUpstreamTable } from './upstream-table.ts';
export type { RequestName, ResolvedName, UpstreamTable, UpstreamTableEntry } from './upstream-table.ts';
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

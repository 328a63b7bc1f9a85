export type {
  CallerCredentials,
  AccessGrant,
  AccessSubject,
  BlobRequestOptions,
  CallOptions,
  Upstream,
  UpstreamBlobBody,
  UpstreamManifest,
} from './upstream.ts';
export type { BudgetLedger, KnownBudget } from './budget/budget.ts';
export { ExtraRefused } from './transport/extra-refused.ts';
export { createBudgetLedger } from './budget/budget-ledger.ts';
export { credentialHelper } from './credentials/credential-helper.ts';
export { fixedCredentials, passwordFile } from './credentials/credential-source.ts';
export type { CredentialSource } from './credentials/credential-source.ts';
export { dockerConfig } from './credentials/docker-config.ts';
export { openDocuments } from './open/open-documents.ts';
export type { Documents } from './open/open-documents.ts';
export { openUpstream } from './open/open-upstream.ts';
export { probeRegistry } from './open/probe-registry.ts';
export type { ProbedRegistry } from './open/probe-registry.ts';
export { openReplaceableUpstream } from './open/replaceable-upstream.ts';
export type { OpenGeneration, ReplaceableUpstream } from './open/replaceable-upstream.ts';
export { proxyFor } from './transport/dialer.ts';
export { loadUndici } from './transport/load-undici.ts';
export { createMemoryTokenCache } from './token-cache.ts';
export type { CachedToken, ObtainedToken, TokenCache, TokenKey, SharedTokenRequest } from './token-cache.ts';
export { familiarNameOf, fullNameOf, resolveImage } from './resolve-image.ts';
export type { ResolvedImage } from './resolve-image.ts';
export { createUpstreamTable, adoptedUpstream } from './upstream-table.ts';
export type { ResolvedName, UpstreamTable } from './upstream-table.ts';

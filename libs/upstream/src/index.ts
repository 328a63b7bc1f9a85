export type { CallerCredentials } from './caller-credentials.ts';
export type { BudgetLedger, KnownBudget } from './budget/budget-ledger.ts';
export { createBudgetLedger } from './budget/create-budget-ledger.ts';
export { credentialHelper } from './credentials/credential-helper.ts';
export { fixedCredentials } from './credentials/credential-source.ts';
export type { CredentialSource } from './credentials/credential-source.ts';
export { dockerConfig } from './credentials/docker-config.ts';
export { passwordFile } from './credentials/password-file.ts';
export { openDocuments } from './open/open-documents.ts';
export type { Documents } from './open/open-documents.ts';
export { openUpstream } from './open/open-upstream.ts';
export { proxyFor } from './open/proxy-for.ts';
export { createMemoryTokenCache } from './token-cache.ts';
export type { CachedToken, ObtainedToken, TokenCache, TokenKey, SharedTokenRequest } from './token-cache.ts';
export { familiarNameOf } from './familiar-name-of.ts';
export { fullNameOf } from './full-name-of.ts';
export { resolveImage } from './resolve-image.ts';
export type { ResolvedImage } from './resolve-image.ts';
export { createUpstreamTable } from './upstream-table.ts';
export type { ResolvedName, UpstreamTable } from './upstream-table.ts';
export type {
  AccessGrant,
  AccessSubject,
  BlobRequestOptions,
  CallOptions,
  Upstream,
  UpstreamBlobBody,
} from './upstream.ts';
export { adoptedUpstream } from './adopted-upstream.ts';

// What reads and signs tokens, apart from the rest: a cache whose clients show none does without its library.
export { openExternalTokens } from './external/open-external-tokens.ts';
export { createOidcMethod } from './oidc/create-oidc-method.ts';
export { createAccessTokens } from './tokens/create-access-tokens.ts';
export { rememberTokens } from './tokens/remember-tokens.ts';

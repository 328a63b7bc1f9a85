// Exports the code that reads and signs tokens. It is separate from `index.ts`, so that a cache without tokens does not
// load the library for JSON Web Tokens.
export { openExternalTokens } from './external/open-external-tokens.ts';
export { createOidcMethod } from './oidc/create-oidc-method.ts';
export { createAccessTokens } from './tokens/create-access-tokens.ts';
export { rememberTokens } from './tokens/remember-tokens.ts';
export { requireMethod } from './tokens/require-method.ts';

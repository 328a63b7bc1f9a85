export { CacheError, cacheErrorKinds, isCacheError } from './cache-error.ts';
export type { CacheErrorKind, CacheErrorOptions } from './cache-error.ts';

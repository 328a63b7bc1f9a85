export { createCachedIndex } from './create-cached-index.ts';
export type { CachedIndexOptions } from './create-cached-index.ts';

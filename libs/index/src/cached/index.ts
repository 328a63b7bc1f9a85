export { createCachedIndex } from './create-cached-index.ts';

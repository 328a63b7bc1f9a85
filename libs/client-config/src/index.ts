// The files with which clients pull through a cache.
export { parseCacheAddress } from './client-setup.ts';
export type { CacheAddress } from './client-setup.ts';
export { clientSetups } from './client-setups.ts';
export { describeClientSetups } from './describe-client-setups.ts';

// Generates the configuration files with which clients pull through a cache.
export { parseCacheAddress } from './client-setup.ts';
export type { CacheAddress } from './client-setup.ts';
export { clientSetups, describeClientSetups } from './client-setups.ts';

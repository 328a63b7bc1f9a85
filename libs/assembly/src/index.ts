export type { StoreHealth } from './create-store-health.ts';

export { importBundleOf } from './import-bundle-of.ts';
export { withRobotTokens } from './with-robot-tokens.ts';

export { rebuildIndexOf } from './rebuild-index-of.ts';

export { acmeRecords } from './acme-records.ts';
export type { Assembled } from './assembled.ts';
export { createStoreHealth } from './create-store-health.ts';
export { openForConfig } from './open-for-config.ts';
export { openIndexAndStore } from './open-index-and-store.ts';
export type { OpenedIndexAndStore } from './open-index-and-store.ts';
export { openQueue } from './open-queue.ts';
export { openShared } from './open-shared.ts';
export type { Shared } from './open-shared.ts';
export { openUpstreams } from './open-upstreams.ts';
export { peerTlsOf } from './peer-tls-of.ts';
export { prepareDirectories } from './prepare-directories.ts';
export { redisOf } from './redis-of.ts';
export { sharedTriesOf } from './shared-tries-of.ts';
export { tracePeer } from './tracing/trace-peer.ts';

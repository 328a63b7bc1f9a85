export { openFsStore } from './open-fs-store.ts';
export type { FsStoreOptions, StoreLog } from './open-fs-store.ts';

export { openFsStore } from './open-fs-store.ts';

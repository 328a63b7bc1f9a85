export type * from './api/index.ts';
export { buildAdmin } from './build-admin.ts';
export { assembleAdmin } from './wiring/assemble-admin.ts';

export { buildAdmin } from './build-admin.ts';
export { buildLocalAdmin } from './build-local-admin.ts';

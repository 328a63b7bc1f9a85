export { buildAdmin } from './build-admin.ts';

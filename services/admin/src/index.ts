export { buildAdmin } from './build-admin.ts';
export { buildConsole, buildLocalAdmin } from './build-local-admin.ts';

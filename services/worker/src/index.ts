export { createJobHandlers } from '@cistern/assembly';
export { buildFillServer } from './build-fill-server.ts';
export { buildWorker } from './build-worker.ts';

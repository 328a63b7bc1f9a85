export { createJobHandlers } from './wiring/create-job-handlers.ts';
export { buildFillServer } from './build-fill-server.ts';
export { buildWorker } from './build-worker.ts';
export { wireWorker, workerAssembly } from './wiring/wire-worker.ts';

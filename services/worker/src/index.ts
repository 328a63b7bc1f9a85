export { buildWorker } from './build-worker.ts';
export { buildFillServer } from './wiring/build-fill-server.ts';
export { createJobHandlers, wireWorker, workerAssembly } from './wiring/wire-worker.ts';

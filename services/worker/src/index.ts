export { buildWorker } from './build-worker.ts';
export { buildFillServer } from './wiring/build-fill-server.ts';
export { checkedParts, createJobHandlers, wireWorker, workerAssembly } from './wiring/wire-worker.ts';

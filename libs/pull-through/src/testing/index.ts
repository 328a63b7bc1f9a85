// Exports for the tests of other packages, such as the use cases with shared reads that tests can count.
export { asCaller } from './as-caller.ts';
export type { TestPullThrough } from './as-caller.ts';
export { createUseCases } from '../create-pull-through.ts';

export { createSkippedClock } from './create-shared-index.ts';
export type { SkippedClock } from './create-shared-index.ts';
export { createSimulatedProcess, throughProcess } from './simulated-process.ts';
export { library } from './start-halfway.ts';
export { startTestCache } from './start-test-cache.ts';
export type { TestCacheOptions } from './start-test-cache.ts';
export { startTestCluster } from './start-test-cluster.ts';

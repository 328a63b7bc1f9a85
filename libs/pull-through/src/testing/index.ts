// What tests of other packages look into: the use cases over reads that they can count.
export { asCaller, targetOf } from './as-caller.ts';
export type { TestCaller, TestPullThrough } from './as-caller.ts';
export { createUseCases } from '../create-pull-through.ts';
export { createBufferPool } from '../read/buffer-pool.ts';
export { createSharedReads } from '../read/shared-reads.ts';

export { createMemoryIndex } from './create-memory-index.ts';
export type { MemoryIndexFaults, MemoryIndexOptions } from './create-memory-index.ts';

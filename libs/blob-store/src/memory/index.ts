export { createMemoryContents, createMemoryStore } from './create-memory-store.ts';
export type { MemoryContents } from './create-memory-store.ts';

export { createMemoryContents } from './memory-contents.ts';
export type { MemoryContents } from './memory-contents.ts';
export { createMemoryStore } from './create-memory-store.ts';

export { assemble } from './assemble.ts';
export type { AssembleOptions, Assembly } from './assemble.ts';

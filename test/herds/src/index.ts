export type { ClientPlan, HerdEnd, HerdPlan } from './herd-client.ts';
export { type Herd, pullAtOnce, startHerd } from './start-herd.ts';
export { watchMemory } from './watch-memory.ts';

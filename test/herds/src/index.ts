export type { ClientPlan, HerdEnd, HerdPlan } from './herd-client.ts';
export type { Herd } from './start-herd.ts';
export { startHerd } from './start-herd.ts';

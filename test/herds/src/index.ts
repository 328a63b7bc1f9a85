export type { ClientPlan, HerdEnd, HerdPlan } from './herd-client.ts';
export { type Herd, pullAtOnce, startHerd } from './start-herd.ts';

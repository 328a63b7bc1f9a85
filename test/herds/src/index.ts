export type { ClientPlan, HerdEnd, HerdPlan } from './herd-client.ts';
export { type Herd, startHerd } from './start-herd.ts';

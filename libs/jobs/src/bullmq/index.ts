export type { BullmqLog } from './log-outages.ts';
export { openBullmqQueue } from './open-bullmq-queue.ts';
export type { BullmqQueue, BullmqQueueOptions } from './open-bullmq-queue.ts';
export { openBullmqWorkers } from './open-bullmq-workers.ts';
export type { BullmqWorkersOptions } from './open-bullmq-workers.ts';

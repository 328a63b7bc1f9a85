export { openBullmqQueue } from './open-bullmq-queue.ts';
export type { BullmqQueueOptions } from './open-bullmq-queue.ts';
export { openBullmqWorkers } from './open-bullmq-workers.ts';

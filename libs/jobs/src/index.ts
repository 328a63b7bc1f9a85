export type {
  FetchedList,
  JobName,
  JobPayload,
  JobResult,
  PrewarmedBlobs,
  ReferrersPage,
  TagsPage,
} from './catalogue.ts';
export type {
  JobClass,
  JobContext,
  JobHandlers,
  JobOptions,
  JobQueue,
  JobSlots,
  JobWorkers,
  QueueState,
  RunOptions,
} from './job-queue.ts';
export { completeHandlers, tagJob } from './conformance/sample-jobs.ts';
export { jobGroup, measureJobHandlers, wrapHandlers } from './job-queue.ts';
export { handsOver } from './hand-over.ts';
export type { WorkerIdentity } from './hand-over.ts';
export { shuttingDown } from './job-errors.ts';

export type {
  FetchBlobJob,
  FetchedList,
  JobCatalogue,
  JobFailure,
  JobName,
  JobPayload,
  JobResult,
  PrewarmedBlobs,
  PrewarmedTag,
  ReferrersPage,
  RepositoryJob,
  TagsPage,
  UnsavedManifest,
} from './catalogue.ts';
export type {
  FailedJob,
  JobClass,
  JobContext,
  JobHandler,
  JobHandlers,
  JobOptions,
  JobQueue,
  JobWorkers,
  LaneFacts,
  ScheduleOptions,
} from './job-queue.ts';
export { completeHandlers, tagJob } from './conformance/sample-jobs.ts';
export { measureJobHandlers } from './measure-job-handlers.ts';

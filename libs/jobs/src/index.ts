export type {
  FetchBlobJob,
  FetchedList,
  JobCatalogue,
  JobName,
  JobPayload,
  JobResult,
  ReferrersPage,
  RepositoryJob,
  TagsPage,
  UnsavedManifest,
} from './catalogue.ts';
export type {
  JobClass,
  JobContext,
  JobHandler,
  JobHandlers,
  JobOptions,
  JobQueue,
  JobWorkers,
  ScheduleOptions,
} from './job-queue.ts';

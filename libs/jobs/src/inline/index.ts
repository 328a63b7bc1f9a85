export { createInlineJobs } from './create-inline-jobs.ts';
export type { InlineJobs, InlineJobsOptions, JobLog } from './create-inline-jobs.ts';

export { createInlineJobs } from './create-inline-jobs.ts';

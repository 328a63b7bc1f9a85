// Handlers whose time and end are measured, whichever queue they work for.
import type { JobHandler, JobHandlers } from './job-queue.ts';
import type { JobName } from './catalogue.ts';
import type { JobMetrics } from '@cistern/telemetry';

export function measureJobHandlers(handlers: JobHandlers, { jobDuration, jobsRunning }: JobMetrics): JobHandlers {
  const measured = Object.entries(handlers).map(([job, handle]) => {
    const measure: JobHandler<JobName> = async (payload, context) => {
      const labels = { job, class: context.class };
      const stop = jobDuration.startTimer(labels);
      jobsRunning.inc({ class: context.class });
      let result = 'failed';
      try {
        const ended = await (handle as JobHandler<JobName>)(payload, context);
        result = 'done';
        return ended;
      } finally {
        stop({ result });
        jobsRunning.dec({ class: context.class });
      }
    };
    return [job, measure];
  });
  return Object.fromEntries(measured) as JobHandlers;
}

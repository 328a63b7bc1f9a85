// What workers do for frontends and for themselves.
import { Gauge, Histogram, type Registry } from 'prom-client';
import { fillClasses, jobResults } from './label-values.ts';

export interface JobMetrics {
  /** Seconds. */
  readonly jobDuration: Histogram<'job' | 'class' | 'result'>;
  readonly jobsRunning: Gauge<'class'>;
}

export function createJobMetrics(registry: Registry): JobMetrics {
  const registers = [registry];
  const metrics: JobMetrics = {
    jobDuration: new Histogram({
      name: 'cistern_job_duration_seconds',
      help: 'Time that a worker took for a job, by its name and class and how it ended.',
      labelNames: ['job', 'class', 'result'],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900],
      registers,
    }),
    jobsRunning: new Gauge({
      name: 'cistern_jobs_running',
      help: 'Jobs that a worker has in hand now.',
      labelNames: ['class'],
      registers,
    }),
  };
  for (const jobClass of fillClasses) {
    metrics.jobsRunning.set({ class: jobClass }, 0);
    for (const result of jobResults) metrics.jobDuration.zero({ job: 'fetch-blob', class: jobClass, result });
  }
  return metrics;
}

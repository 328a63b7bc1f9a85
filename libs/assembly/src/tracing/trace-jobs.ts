// Jobs, from who asks for them to the worker that does them: the trace goes with the job. Of those who ask for the same job the
// first one's trace has it.
import type { JobHandler, JobHandlers, JobName, JobPayload, JobQueue } from '@cistern/jobs';
import { inSpan, type SpanAttributes, type Tracing } from '@cistern/telemetry';

export function traceQueue(queue: JobQueue, tracing: Tracing): JobQueue {
  return {
    ...queue,
    add: (name, payload, options) =>
      tracing.current() === undefined
        ? queue.add(name, payload, options)
        : inSpan(tracing, `add ${name}`, optionsOf(payload), ({ traceparent }) =>
            queue.add(name, payload, { ...options, traceparent }),
          ),
    run: (name, payload, options) =>
      tracing.current() === undefined
        ? queue.run(name, payload, options)
        : inSpan(tracing, `ask ${name}`, optionsOf(payload), ({ traceparent }) =>
            queue.run(name, payload, { ...options, traceparent }),
          ),
  };
}

function optionsOf(payload: JobPayload<JobName>) {
  return { kind: 'producer', attributes: attributesOf(payload) } as const;
}

/** A job that nobody's trace has is the beginning of one. */
export function traceJobHandlers(handlers: JobHandlers, tracing: Tracing): JobHandlers {
  const traced = Object.entries(handlers).map(([job, handle]) => {
    const trace: JobHandler<JobName> = (payload, context) => {
      const attributes = { ...attributesOf(payload), 'cistern.job.class': context.class };
      return inSpan(tracing, `job ${job}`, { kind: 'consumer', attributes, parent: context.traceparent }, () =>
        (handle as JobHandler<JobName>)(payload, context),
      );
    };
    return [job, trace];
  });
  return Object.fromEntries(traced) as JobHandlers;
}

function attributesOf(payload: JobPayload<JobName>): SpanAttributes {
  const { upstream, repository, digest, tag } = payload as Readonly<Record<string, string | undefined>>;
  return { 'cistern.upstream': upstream, 'cistern.repository': repository, 'cistern.reference': digest ?? tag };
}

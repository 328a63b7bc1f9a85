// A payload on its way through Redis, with the version of its shape: releases of two versions share the queues for as
// long as an update takes.
import type { JobName, JobPayload } from '../catalogue.ts';

const version = 1;

export interface JobEnvelope {
  readonly v: number;
  readonly payload: JobPayload<JobName>;
  readonly traceparent?: string | undefined;
}

export function sealPayload(payload: JobPayload<JobName>, traceparent?: string): JobEnvelope {
  return { v: version, payload, ...(traceparent !== undefined && { traceparent }) };
}

/** `undefined` for what only another release can read. */
export function unsealPayload(data: unknown): JobPayload<JobName> | undefined {
  const { v, payload } = (data ?? {}) as Partial<JobEnvelope>;
  return v === version ? payload : undefined;
}

/** Only text: what it says is looked at by who uses it. */
export function traceparentOf(data: unknown): string | undefined {
  const { traceparent } = (data ?? {}) as Partial<JobEnvelope>;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

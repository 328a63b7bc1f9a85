// Replaces `@cistern/jobs/bullmq`.
import type { JobHandlers, WorkerIdentity } from '@cistern/jobs';
import { adapterDoubles } from '../adapter-doubles.ts';

export const openBullmqQueue = async () => ({ ...adapterDoubles().openQueue(), inspect: async () => [] });

export const openBullmqWorkers = async ({ handlers, place }: { handlers: JobHandlers; place?: WorkerIdentity }) =>
  adapterDoubles().openWorkers(handlers, place);

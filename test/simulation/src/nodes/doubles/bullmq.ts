// Replaces `@cistern/jobs/bullmq`.
import type { JobHandlers } from '@cistern/jobs';
import { adapterDoubles } from '../adapter-doubles.ts';

export const openBullmqQueue = async () => ({ ...adapterDoubles().openQueue(), look: async () => [] });

export const openBullmqWorkers = async ({ handlers }: { readonly handlers: JobHandlers }) =>
  adapterDoubles().openWorkers(handlers);

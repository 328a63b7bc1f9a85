// All job handlers, as a worker runs them.
import type { JobHandlers } from '@cistern/jobs';
import { createPrewarmHandlers, type PrewarmDeps } from '@cistern/prewarm';
import { createPullHandlers, type PullHandlerDeps } from '@cistern/pull-through';

export type JobHandlerDeps = PullHandlerDeps & PrewarmDeps;

export function createJobHandlers(deps: JobHandlerDeps): JobHandlers {
  return { ...createPullHandlers(deps), ...createPrewarmHandlers(deps) };
}

import { startTestCache, type TestCacheOptions } from '@cistern/pull-through/testing';
import { createPrewarmHandlers } from '../create-prewarm-handlers.ts';
import type { PrewarmPlan } from '../plan-prewarm.ts';

export type PrewarmingCacheOptions = Omit<TestCacheOptions, 'handlers'> & { readonly prewarm?: PrewarmPlan };

/** Starts a test cache that prewarms. The test closes it. */
export function startPrewarmingCache({ prewarm, ...options }: PrewarmingCacheOptions = {}) {
  return startTestCache({ ...options, handlers: (deps) => createPrewarmHandlers({ ...deps, prewarm }) });
}

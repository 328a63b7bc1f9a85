// Asking an upstream whether it lets somebody read: by a worker, for only workers talk to upstreams.
import type { RepositoryKey } from '@cistern/cache-index';
import type { AccessSubject, CallerCredentials } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from '../work/work-deps.ts';

export interface AccessQuestion extends RepositoryKey {
  readonly subject: AccessSubject;
  readonly caller: CallerCredentials;
}

/** Resolves if the caller may; rejects as `Upstream.checkAccess`, and with `overloaded` where there is nobody to ask. */
export type CheckAccess = (question: AccessQuestion) => Promise<void>;

export function createCheckAccess(deps: Pick<WorkDeps, 'upstreams'>): CheckAccess {
  return async ({ upstream, repository, subject, caller }) =>
    upstreamOf(deps, upstream).checkAccess(repository, subject, caller);
}

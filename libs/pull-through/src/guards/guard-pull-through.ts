// The use cases for clients: nothing of an upstream that verifies its callers is looked for before the caller may read it,
// and what the caller has shown goes no further.
import type { AccessSubject } from '@cistern/upstream';
import type { PullRequest, PullThrough } from '../requests/pull-through.ts';
import type { VerifyAccess } from '../verification/verify-access.ts';

/** `isListed`: whether the names of an upstream's repositories may be told to everybody. */
export function guardPullThrough(
  cache: PullThrough,
  verify: VerifyAccess,
  isListed: (upstream: string) => boolean,
): PullThrough {
  async function admit<R extends PullRequest>(request: R, subject: AccessSubject): Promise<R> {
    const { target, signal } = request;
    const { upstream, repository, caller, network } = target;
    await verify({ upstream, repository, subject, caller, network, signal });
    return { ...request, target: target.withoutCaller() };
  }

  return {
    // Whether this caller may have it is not remembered here.
    manifestFromMemory: () => undefined,
    blobFromMemory: () => undefined,
    async statManifest(request) {
      return cache.statManifest(await admit(request, { kind: 'manifest', reference: request.reference }));
    },
    async openManifest(request) {
      return cache.openManifest(await admit(request, { kind: 'manifest', reference: request.reference }));
    },
    async openBlob(request) {
      return cache.openBlob(await admit(request, { kind: 'blob', digest: request.digest }));
    },
    async listTags(request) {
      return cache.listTags(await admit(request, { kind: 'tags' }));
    },
    async listReferrers(request) {
      const reference = { kind: 'digest', digest: request.digest } as const;
      return cache.listReferrers(await admit(request, { kind: 'manifest', reference }));
    },
    async listRepositories({ after, limit }) {
      const listed: string[] = [];
      for (let last = after; listed.length < limit;) {
        const page = await cache.listRepositories({ limit, ...(last !== undefined && { after: last }) });
        listed.push(...page.filter((path) => isListed(path.slice(0, path.indexOf('/')))));
        if (page.length < limit) break;
        last = page.at(-1);
      }
      return listed.slice(0, limit);
    },
  };
}

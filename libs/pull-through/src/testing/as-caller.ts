// Wraps the use cases for tests. Each request has the caller and the caller's rights, and is authorized like a request of a
// client.
import type { Authorize } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import type { CallerCredentials } from '@cistern/upstream';
import { AuthorizedRepository, type PlatformRule } from '../access/authorized-repository.ts';
import type {
  BlobRequest,
  ManifestRequest,
  PullThrough,
  ReferrersRequest,
  TagsRequest,
} from '../requests/pull-through.ts';

interface Permission {
  /** The rule for platforms. `undefined` means that all platforms may be pulled. */
  readonly platformRule?: PlatformRule | undefined;
}

/** The repository of a request, and the rights of the caller. */
interface TestCaller extends RepositoryKey, Permission {
  /** Credentials for upstreams that verify callers. */
  readonly caller?: CallerCredentials | undefined;
  /**
   * Returns the permission for the repository of the same name at another upstream. Unset means that it may be pulled at no
   * other upstream.
   */
  readonly permissionAt?: ((upstream: string) => Permission | undefined) | undefined;
}

type TestRequest<R extends { readonly target: AuthorizedRepository }> = R | (Omit<R, 'target'> & TestCaller);

export interface TestPullThrough extends PullThrough {
  manifestFromMemory(
    request: TestRequest<ManifestRequest>,
    want: 'facts' | 'bytes',
  ): ReturnType<PullThrough['manifestFromMemory']>;
  statManifest(request: TestRequest<ManifestRequest>): ReturnType<PullThrough['statManifest']>;
  openManifest(request: TestRequest<ManifestRequest>): ReturnType<PullThrough['openManifest']>;
  blobFromMemory(request: TestRequest<BlobRequest>): ReturnType<PullThrough['blobFromMemory']>;
  openBlob(request: TestRequest<BlobRequest>): ReturnType<PullThrough['openBlob']>;
  listTags(request: TestRequest<TagsRequest>): ReturnType<PullThrough['listTags']>;
  listReferrers(request: TestRequest<ReferrersRequest>): ReturnType<PullThrough['listReferrers']>;
}

export function asCaller(cache: PullThrough): TestPullThrough {
  return {
    manifestFromMemory: (request, want) => cache.manifestFromMemory(authorized(request), want),
    statManifest: (request) => cache.statManifest(authorized(request)),
    openManifest: (request) => cache.openManifest(authorized(request)),
    blobFromMemory: (request) => cache.blobFromMemory(authorized(request)),
    openBlob: (request) => cache.openBlob(authorized(request)),
    listTags: (request) => cache.listTags(authorized(request)),
    listReferrers: (request) => cache.listReferrers(authorized(request)),
    listRepositories: (page) => cache.listRepositories(page),
  };
}

function targetOf({ platformRule, permissionAt, ...question }: TestCaller): AuthorizedRepository {
  const authorize: Authorize = (_asker, { upstream, platform }) => {
    const permission = upstream === question.upstream ? { platformRule } : permissionAt?.(upstream);
    if (permission === undefined) return { isAllowed: false, why: 'the repository may not be pulled there' };
    const isDenied = platform !== undefined && permission.platformRule?.([platform]) !== undefined;
    if (isDenied) return { isAllowed: false, why: 'the platform is denied' };
    return { isAllowed: true, dependsOnPlatform: permission.platformRule !== undefined };
  };
  const asker = { identity: { name: 'test', method: 'anonymous' }, clientIp: '127.0.0.1' } as const;
  const decision = AuthorizedRepository.decide(authorize, { ...question, asker });
  if (decision.result !== 'allowed')
    throw new Error(`the authorization of the test's repository is ${decision.result}`);
  return decision.target;
}

function authorized<R extends { readonly target: AuthorizedRepository }>(request: TestRequest<R>): R {
  if ('target' in request) return request;
  const { upstream, repository, caller, platformRule, permissionAt, ...rest } = request;
  return { ...rest, target: targetOf({ upstream, repository, caller, platformRule, permissionAt }) } as unknown as R;
}

// Which upstream and repository a request is about, and whether it may be, before anything is done for it.
import { CacheError } from '@cistern/errors';
import type { Reference, RepositoryName } from '@cistern/oci';
import type { PlatformRule } from '@cistern/pull-through';
import type { CallerCredentials } from '@cistern/upstream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../callers/caller-of.ts';
import { callerChallenge } from '../callers/add-caller-tokens.ts';
import { formatChallenge, pullScope } from '../hooks/format-challenge.ts';
import { queryValue } from './query-value.ts';
import { requireAccess } from './require-access.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

interface NamedPath {
  readonly name: string;
  readonly prefix?: string;
  readonly reference?: Reference;
}

interface Located {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** Absent: no upstream asks. */
  readonly caller?: CallerCredentials;
  /** Absent: the rules say nothing of platforms. */
  readonly platformRule?: PlatformRule | undefined;
}

/** Throws what the table of upstreams throws for a name it cannot place, `loop-detected`, and what `requireAccess` throws. */
export function locateUpstream(
  dependencies: V2Dependencies,
  { name, prefix, reference }: NamedPath,
  request: FastifyRequest,
  reply: FastifyReply,
): Located {
  const { upstreams, instanceId, callerTokens } = dependencies;
  refuseLoop(request.headers['x-cistern-hop'], instanceId);
  const ns = queryValue(request, 'ns');
  const { upstream, repository, mode } = upstreams.resolve({ ns, host: request.host, pathPrefix: prefix, name });
  const { record } = request;
  record.mode = mode;
  record.facts.upstream = upstream;
  record.facts.repository = repository;
  const tag = reference?.kind === 'tag' ? reference.tag : undefined;
  const platformRule = requireAccess(dependencies, { upstream, repository, tag, name }, request, reply);
  reply.header('x-cistern-upstream', upstream);
  if (callerTokens === undefined) return { upstream, repository, platformRule };
  const caller = callerOf(request.headers.authorization, callerTokens);
  const challenge = formatChallenge(callerChallenge, request, { scope: pullScope(name) });
  record.verified = { challenge, hasShown: caller.kind !== 'anonymous' };
  return { upstream, repository, caller, platformRule };
}

function refuseLoop(hops: string | string[] | undefined, instanceId: string): void {
  if (
    hops === undefined ||
    !String(hops)
      .split(',')
      .some((hop) => hop.trim() === instanceId)
  )
    return;
  throw new CacheError(
    'loop-detected',
    'This cache is asked by itself: the address of one of its upstreams leads back to it.',
  );
}

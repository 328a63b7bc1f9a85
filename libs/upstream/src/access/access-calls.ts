// Checks whether a caller may read a manifest, a blob or the tags of a repository. The check is a cheap request with
// the caller's own credentials.
import { CacheError } from '@cistern/errors';
import { manifestAcceptHeader, type RepositoryName } from '@cistern/oci';
import { type CallContext, endpoint, startCall, toResponseError } from '../calls/call.ts';
import { dropBody, type TransportRequest, type TransportResponse, nameUpstream } from '../transport/transport.ts';
import { refusesHead } from '../calls/manifest-calls.ts';
import type { AccessSubject, Upstream, CallerCredentials } from '../upstream.ts';
import type { CallerTransport } from './open-callers.ts';

export interface AccessCallContext extends CallContext {
  transportOf(caller: CallerCredentials, repository: RepositoryName): CallerTransport;
}

/**
 * Limits the duration of one access check, because other checks wait for its connection and the frontend waits for its
 * result.
 */
const maxCheckMs = 30_000;

export function createAccessCalls(context: AccessCallContext): Pick<Upstream, 'checkAccess'> {
  const { upstream, deadlineMs, transportOf } = context;
  return {
    async checkAccess(repository, subject, caller, { signal } = {}) {
      const { send, isProven } = transportOf(caller, repository);
      const { unknown, ...checkRequest } = requestOf(context, repository, subject);
      const lifetime = startCall(context, signal, repository);
      lifetime.setDeadline(Math.min(deadlineMs, maxCheckMs));
      try {
        const { signal: ending } = lifetime;
        const check = async (method: CheckRequest['method']): Promise<TransportResponse> => {
          const request = { operation: 'check-access', repository, signal: ending, maxBodyBytes: undefined } as const;
          const answer = await send({ ...request, ...checkRequest, method });
          dropBody(answer.body);
          return answer;
        };
        let response = await check(checkRequest.method);
        if (checkRequest.method === 'HEAD' && refusesHead.has(response.status)) response = await check('GET');
        const { status } = response;
        // 416 means that the caller may read the blob, but the blob is empty and has no first byte.
        if (status === 200 || status === 206 || status === 416) return { isProven: isProven() };
        if (status === 401)
          throw new CacheError('unauthenticated', `${nameUpstream(upstream)} gives you no access to ${repository}.`);
        throw toResponseError(context, response, { subject: repository, unknown });
      } finally {
        lifetime.release();
      }
    },
  };
}

type CheckRequest = Pick<TransportRequest, 'method' | 'url' | 'headers'> & {
  readonly unknown: 'manifest-unknown' | 'blob-unknown' | 'name-unknown';
};

function requestOf(context: AccessCallContext, repository: RepositoryName, subject: AccessSubject): CheckRequest {
  switch (subject.kind) {
    case 'manifest': {
      const { reference } = subject;
      const url = endpoint(
        context,
        repository,
        `manifests/${reference.kind === 'tag' ? reference.tag : reference.digest}`,
      );
      return { method: 'HEAD', url, headers: { accept: manifestAcceptHeader }, unknown: 'manifest-unknown' };
    }
    case 'blob': {
      // A blob is checked by GET, because many registries redirect to a URL that is signed only for GET and refuses
      // HEAD.
      const url = endpoint(context, repository, `blobs/${subject.digest}`);
      return { method: 'GET', url, headers: { accept: '*/*', range: 'bytes=0-0' }, unknown: 'blob-unknown' };
    }
    case 'tags': {
      const url = endpoint(context, repository, 'tags/list', { n: 1 });
      return { method: 'GET', url, headers: { accept: 'application/json' }, unknown: 'name-unknown' };
    }
    default:
      return subject satisfies never;
  }
}

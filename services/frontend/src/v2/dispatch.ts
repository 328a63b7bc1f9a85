// The routes of the pull API: `/v2/…`, and `/<prefix>/v2/…` for clients that can only put a mirror's name before the path. A
// router's parameter cannot contain the slashes of a repository name. So Fastify matches only `/v2`, and our own parser reads the
// rest of the path.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CacheError } from '@cistern/errors';
import { OciSyntaxError, parseV2Path, type V2Path } from '@cistern/oci';
import type { RequestOperation } from '@cistern/telemetry';
import { refuseUnknownPath } from '../hooks/add-request-hooks.ts';
import { authenticate, formatChallenge } from '../hooks/authenticate.ts';
import { limitClient } from '../hooks/limit-client.ts';
import { enterOperation } from '../hooks/request-facts.ts';
import type { V2Dependencies } from './v2-dependencies.ts';
import { authorizePull, scopeNameOf } from './authorize-pull.ts';
import { answerBlob } from './blob.ts';
import { catalogScope, pullScope } from '../token/scopes.ts';
import { answerCatalog } from './catalog.ts';
import { answerManifest } from './manifest.ts';
import { answerReferrers } from './referrers.ts';
import { answerTagsList } from './tags-list.ts';
import { waitForUpstream } from './wait-for-upstream.ts';
import { callerChallenge } from '../callers/caller-tokens.ts';
import { sendJson } from '../http/answer.ts';

const paths = ['/v2', '/v2/*', '/:prefix/v2', '/:prefix/v2/*'];

export function addV2Routes(app: FastifyInstance, dependencies: V2Dependencies): void {
  const writes = app.supportedMethods.filter((method) => method !== 'GET' && method !== 'HEAD');
  for (const url of paths) {
    app.route({ method: ['GET', 'HEAD'], url, handler: (request, reply) => dispatch(dependencies, request, reply) });
    app.route({
      method: writes,
      url,
      // An `onRequest` hook runs before Fastify parses the body, so the type and size of the body cannot change the response.
      onRequest: async (request, reply) => {
        enterOperation(dependencies.metrics, request.record, 'write');
        await authenticate(dependencies, request, reply);
        await limitClient(dependencies, request, reply);
        refuseWrite();
      },
      handler: refuseWrite,
    });
  }
}

const pingBody = Buffer.from('{}');

type Answer = FastifyReply | Promise<FastifyReply | undefined>;

/**
 * Answers a GET or HEAD of the pull API. Throws or rejects with errors that `replyWithError` handles. It returns a promise only
 * if it has to wait, because promises would double the time for a manifest that is in memory.
 */
function dispatch(dependencies: V2Dependencies, request: FastifyRequest, reply: FastifyReply): Answer {
  const path = readPath(request.url);
  enterOperation(dependencies.metrics, request.record, operationOf(path));
  const scope = () => (path instanceof OciSyntaxError ? undefined : scopeOf(dependencies, path, request));
  const revision = dependencies.revision();
  const waiting = authenticate(dependencies, request, reply, scope);
  if (waiting === undefined && dependencies.isUnlimited(request.ip)) return answer(dependencies, path, request, reply);
  return answerLater();

  async function answerLater(): Promise<FastifyReply | undefined> {
    await waiting;
    await limitClient(dependencies, request, reply);
    // A reload meanwhile may have changed which clients are accepted.
    for (let checked = revision; checked !== dependencies.revision();) {
      checked = dependencies.revision();
      await authenticate(dependencies, request, reply, scope);
    }
    return answer(dependencies, path, request, reply);
  }
}

function answer(
  dependencies: V2Dependencies,
  path: V2Path | OciSyntaxError,
  request: FastifyRequest,
  reply: FastifyReply,
): Answer {
  if (path instanceof OciSyntaxError) throw path;
  switch (path.endpoint) {
    case 'ping':
      return answerPing(dependencies, request, reply);
    case 'manifest':
      return answerManifest(dependencies, authorizePull(dependencies, path, request, reply), path, request, reply);
    case 'blob':
      return answerBlob(dependencies, authorizePull(dependencies, path, request, reply), path, request, reply);
    case 'tags-list': {
      const target = authorizePull(dependencies, path, request, reply);
      return waitForUpstream(dependencies.waiting, request, reply, () =>
        answerTagsList(dependencies, target, path, request, reply),
      );
    }
    case 'referrers': {
      const target = authorizePull(dependencies, path, request, reply);
      return waitForUpstream(dependencies.waiting, request, reply, () =>
        answerReferrers(dependencies, target, path, request, reply),
      );
    }
    case 'catalog':
      return answerCatalog(dependencies, request, reply);
    case 'upload':
      return refuseWrite();
    case 'unknown':
      return refuseUnknownPath();
    default:
      return path satisfies never;
  }
}

function scopeOf({ upstreams }: V2Dependencies, path: V2Path, request: FastifyRequest): string | undefined {
  if (path.endpoint === 'catalog') return catalogScope;
  return 'name' in path ? pullScope(scopeNameOf(upstreams, path, request)) : undefined;
}

const operations: Readonly<Record<V2Path['endpoint'], RequestOperation>> = {
  ping: 'ping',
  manifest: 'manifest',
  blob: 'blob',
  'tags-list': 'tags',
  referrers: 'referrers',
  catalog: 'catalog',
  upload: 'write',
  unknown: 'other',
};

function operationOf(path: V2Path | OciSyntaxError): RequestOperation {
  return path instanceof OciSyntaxError ? 'other' : operations[path.endpoint];
}

/**
 * Returns a parse error as a value, so that it is reported only after authentication. Unauthenticated callers learn nothing from
 * it.
 */
function readPath(url: string): V2Path | OciSyntaxError {
  try {
    return parseV2Path(pathOf(url));
  } catch (error) {
    if (error instanceof OciSyntaxError) return error;
    throw error;
  }
}

/** Returns the path of a URL. A proxy may send the absolute form of the URL (RFC 9112, 3.2.2). */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  return path.startsWith('/') ? path : path.replace(/^[^:/]+:\/\/[^/]*/, '');
}

/**
 * Answers `/v2/`. The request names no upstream. So if any upstream verifies callers, every client without credentials gets a
 * challenge.
 */
function answerPing(
  { callerTokens }: Pick<V2Dependencies, 'callerTokens'>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (callerTokens() !== undefined && request.headers.authorization === undefined) {
    request.record.verified = { challenge: () => formatChallenge(callerChallenge, request), hasCredentials: false };
    throw new CacheError('unauthenticated', 'A token is required. Get one first, anonymously or with a password.');
  }
  return sendJson(reply, pingBody);
}

/** Rejects all writes: pushes, deletes and mounts. */
function refuseWrite(): never {
  throw new CacheError(
    'unsupported',
    'This cache is read-only. Push to, and delete from, the upstream registry of the image.',
  );
}

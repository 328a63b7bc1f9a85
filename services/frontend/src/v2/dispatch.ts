// From a URL to the handler of its endpoint. A router's parameter cannot hold the slashes of a repository name, so Fastify
// only finds `/v2` and our own parser does the rest, once.
import { CacheError } from '@cistern/errors';
import { OciSyntaxError, parseV2Path, type V2Path } from '@cistern/oci';
import type { RequestOperation } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from '../hooks/authenticate.ts';
import { limitClient } from '../hooks/limit-client.ts';
import { pullScope } from '../hooks/format-challenge.ts';
import { enterOperation } from '../hooks/request-facts.ts';
import { answerBlob } from './blob.ts';
import { answerCatalog, catalogScope } from './catalog.ts';
import { answerManifest } from './manifest.ts';
import { answerPing } from './ping.ts';
import { answerReferrers } from './referrers.ts';
import { answerTagsList } from './tags-list.ts';
import { refuseWrite } from './unsupported.ts';
import type { V2Dependencies } from './v2-dependencies.ts';
import { waitForUpstream } from './wait-for-upstream.ts';

/** Answers a GET or HEAD of the pull API; rejects with what `replyWithError` knows to answer. */
export async function dispatch(
  dependencies: V2Dependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const path = readPath(request.url);
  enterOperation(dependencies.metrics, request.record, operationOf(path));
  const isMalformed = path instanceof OciSyntaxError;
  await authenticate(dependencies, request, reply, isMalformed ? undefined : scopeOf(path));
  if (!dependencies.isUnlimited(request.ip)) await limitClient(dependencies, request, reply);
  if (isMalformed) throw path;
  const patiently = <T>(answer: () => Promise<T>) => waitForUpstream(dependencies.waiting, request, reply, answer);
  switch (path.endpoint) {
    case 'ping':
      return answerPing(dependencies, request, reply);
    case 'manifest':
      return patiently(() => answerManifest(dependencies, path, request, reply));
    case 'blob':
      return patiently(() => answerBlob(dependencies, path, request, reply));
    case 'tags-list':
      return patiently(() => answerTagsList(dependencies, path, request, reply));
    case 'referrers':
      return patiently(() => answerReferrers(dependencies, path, request, reply));
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

function scopeOf(path: V2Path): string | undefined {
  if (path.endpoint === 'catalog') return catalogScope;
  return 'name' in path ? pullScope(path.name) : undefined;
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

/** Who may not ask at all is not told either what is wrong with the question: an error waits as a value. */
function readPath(url: string): V2Path | OciSyntaxError {
  try {
    return parseV2Path(pathOf(url));
  } catch (error) {
    if (error instanceof OciSyntaxError) return error;
    throw error;
  }
}

export function refuseUnknownPath(): never {
  throw new CacheError('name-unknown', 'Nothing is served at this path: the API of this registry begins at /v2/.');
}

/** A proxy may send the absolute form (RFC 9112, 3.2.2). */
function pathOf(url: string): string {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  return path.startsWith('/') ? path : path.replace(/^[^:/]+:\/\/[^/]*/, '');
}

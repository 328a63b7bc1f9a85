// From a URL to the handler of its endpoint. A router's parameter cannot hold the slashes of a repository name, so Fastify
// only finds `/v2` and our own parser does the rest, once.
import { CacheError } from '@cistern/errors';
import { parseV2Path } from '@cistern/oci';
import type { RequestOperation } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { enterOperation } from '../hooks/request-facts.ts';
import { answerBlob } from './blob.ts';
import { answerCatalog } from './catalog.ts';
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
  const path = parseV2Path(pathOf(request.url));
  const enter = (operation: RequestOperation) => enterOperation(dependencies.metrics, request.record, operation);
  const patiently = <T>(answer: () => Promise<T>) => waitForUpstream(dependencies.waiting, request, reply, answer);
  switch (path.endpoint) {
    case 'ping':
      enter('ping');
      return answerPing(reply);
    case 'manifest':
      enter('manifest');
      return patiently(() => answerManifest(dependencies, path, request, reply));
    case 'blob':
      enter('blob');
      return patiently(() => answerBlob(dependencies, path, request, reply));
    case 'tags-list':
      enter('tags');
      return patiently(() => answerTagsList(dependencies, path, request, reply));
    case 'referrers':
      enter('referrers');
      return patiently(() => answerReferrers(dependencies, path, request, reply));
    case 'catalog':
      enter('catalog');
      return answerCatalog(dependencies, request, reply);
    case 'upload':
      enter('write');
      return refuseWrite();
    case 'unknown':
      enter('other');
      return refuseUnknownPath();
    default:
      return path satisfies never;
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

// GET /v2/<name>/tags/list: the upstream's list, because the cache does not know all tags. The list may come from the cache for a
// short time.
import type { AuthorizedRepository } from '@cistern/pull-through';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { freshnessOptions } from '../http/request-fields.ts';
import { clientSignal } from './wait-for-upstream.ts';
import { setFreshness, sendJson } from '../http/answer.ts';
import { nextLink, requestedPage } from './pagination.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

export async function answerTagsList(
  dependencies: V2Dependencies,
  target: AuthorizedRepository,
  { name }: { readonly name: string },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { n, last } = requestedPage(request);
  if (n === 0) return sendTags(reply, name, []);
  const { tags, next, ...freshness } = await dependencies.pullThrough.listTags({
    target,
    ...freshnessOptions(dependencies, request),
    ...(n !== undefined && { n }),
    ...(last !== undefined && { last }),
    signal: clientSignal(reply),
  });
  setFreshness(reply, freshness);
  if (next !== undefined) {
    const nextN = n ?? next.n;
    const query = new URLSearchParams({ ...(nextN !== undefined && { n: String(nextN) }), last: next.last });
    reply.header('link', nextLink(request, query));
  }
  return sendTags(reply, name, tags);
}

/** `name` is the repository name that the client sent, because clients compare it with their own. */
function sendTags(reply: FastifyReply, name: string, tags: readonly string[]): FastifyReply {
  return sendJson(reply, Buffer.from(JSON.stringify({ name, tags })));
}

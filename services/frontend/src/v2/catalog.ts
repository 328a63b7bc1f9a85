// GET /v2/_catalog: the repositories of which something is cached, under the names that reach them by path.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nextLink, requestedPage } from './pagination.ts';
import { sendJson } from './send-json.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

const defaultEntries = 100;
const maxEntries = 1000;

export async function answerCatalog(
  { pullThrough }: V2Dependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { n, last } = requestedPage(request);
  const limit = Math.min(n ?? defaultEntries, maxEntries);
  if (limit === 0) return sendCatalog(reply, []);
  // One more than asked for tells whether there is a next page.
  const found = await pullThrough.listRepositories({ ...(last !== undefined && { after: last }), limit: limit + 1 });
  const repositories = found.slice(0, limit);
  const lastOfPage = repositories.at(-1);
  if (found.length > limit && lastOfPage !== undefined)
    reply.header('link', nextLink(request, new URLSearchParams({ n: String(limit), last: lastOfPage })));
  return sendCatalog(reply, repositories);
}

function sendCatalog(reply: FastifyReply, repositories: readonly string[]): FastifyReply {
  return sendJson(reply, Buffer.from(JSON.stringify({ repositories })));
}

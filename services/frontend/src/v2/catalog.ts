// GET /v2/_catalog: the repositories with cached content, as names that clients can use in the path. It lists only repositories
// that the client is allowed to pull.
import { splitFirstComponent } from '@cistern/oci';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { nextLink, requestedPage } from './pagination.ts';
import { insufficientScope } from './authorize-pull.ts';
import { catalogScope } from '../token/scopes.ts';
import { sendJson } from '../http/answer.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

const defaultEntries = 100;
const maxEntries = 1000;

export async function answerCatalog(
  dependencies: V2Dependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (request.record.identity?.mayList === false)
    throw insufficientScope(dependencies.authenticator.challenge, catalogScope, request, reply);
  const { n, last } = requestedPage(request);
  const limit = Math.min(n ?? defaultEntries, maxEntries);
  if (limit === 0) return sendCatalog(reply, []);
  // If one more name than requested is found, there is a next page.
  const found = await listAllowed(dependencies, request, last, limit + 1);
  const repositories = found.slice(0, limit);
  const lastOfPage = repositories.at(-1);
  if (found.length > limit && lastOfPage !== undefined)
    reply.header('link', nextLink(request, new URLSearchParams({ n: String(limit), last: lastOfPage })));
  return sendCatalog(reply, repositories);
}

/** Returns up to `wanted` names after `last`. */
async function listAllowed(
  { pullThrough, authorize }: V2Dependencies,
  { ip: clientIp, record: { identity } }: FastifyRequest,
  last: string | undefined,
  wanted: number,
): Promise<readonly string[]> {
  if (identity === undefined) return [];
  const mayPull = (name: string) => {
    const { first, rest = '' } = splitFirstComponent(name);
    return authorize({ identity, clientIp }, { upstream: first, repository: rest }).isAllowed;
  };
  const found: string[] = [];
  // The page size starts at `wanted` and doubles, so that a client that is allowed to pull few repositories does not cause many
  // reads.
  for (let after = last, limit = wanted; ; limit = Math.min(limit * 2, maxEntries)) {
    const page = await pullThrough.listRepositories({ ...(after !== undefined && { after }), limit });
    found.push(...page.filter(mayPull));
    after = page.at(-1);
    if (page.length < limit || found.length >= wanted) return found.slice(0, wanted);
  }
}

function sendCatalog(reply: FastifyReply, repositories: readonly string[]): FastifyReply {
  return sendJson(reply, Buffer.from(JSON.stringify({ repositories })));
}

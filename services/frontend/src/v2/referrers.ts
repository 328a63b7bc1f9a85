// GET /v2/<name>/referrers/<digest>: the upstream's own list (OCI distribution specification, "Listing Referrers"). A 404 of the
// upstream is passed on, because clients then request the tag `sha256-<hex>` instead.
import { type Digest, mediaTypes, OciSyntaxError } from '@cistern/oci';
import type { AuthorizedRepository } from '@cistern/pull-through';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Seal } from '@cistern/runtime';
import { freshnessOptions, queryValue } from '../http/request-fields.ts';
import { clientSignal } from './wait-for-upstream.ts';
import { setFreshness } from '../http/answer.ts';
import { nextLink, requestedPage } from './pagination.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

const pageParameter = 'page';

export async function answerReferrers(
  dependencies: V2Dependencies,
  target: AuthorizedRepository,
  { digest }: { readonly digest: Digest },
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { pageSeal } = dependencies;
  request.record.facts.reference = digest;
  const artifactType = queryValue(request, 'artifactType');
  const listName = JSON.stringify([target.upstream, target.repository, digest, artifactType]);
  const thisQuery = requestedQuery(pageSeal, listName, request);
  const page = await dependencies.pullThrough.listReferrers({
    target,
    ...freshnessOptions(dependencies, request),
    digest,
    ...(artifactType !== undefined && { artifactType }),
    ...(thisQuery !== undefined && { nextQuery: thisQuery }),
    signal: clientSignal(reply),
  });
  setFreshness(reply, page);
  const next = page.nextQuery === undefined ? undefined : pageQuery(page.nextQuery);
  // If an upstream links a page to itself, the link is omitted, because clients would follow it without end.
  if (next !== undefined && next !== thisQuery) {
    const query = new URLSearchParams({ [pageParameter]: pageSeal.close(listName, next) });
    if (artifactType !== undefined) query.set('artifactType', artifactType);
    reply.header('link', nextLink(request, query));
  }
  if (page.filtersApplied !== undefined) reply.header('oci-filters-applied', page.filtersApplied);
  const body = Buffer.from(page.bytesBase64, 'base64');
  return reply.headers({ 'content-type': mediaTypes.ociIndex, 'content-length': String(body.length) }).send(body);
}

/**
 * Returns the query for the upstream: either the encrypted query of a link that this cache has sent for this list, or the
 * client's `n`. `undefined` means the first page. Clients cannot set other parameters. Each registry names its page parameters as
 * it likes, so a parameter of a client could have another effect there.
 */
function requestedQuery(pageSeal: Seal, listName: string, request: FastifyRequest): string | undefined {
  const sealed = queryValue(request, pageParameter);
  if (sealed === undefined) {
    const { n } = requestedPage(request);
    return n === undefined ? undefined : `n=${n}`;
  }
  const query = pageSeal.open(listName, sealed);
  if (query === undefined)
    throw new OciSyntaxError(
      'PAGINATION_NUMBER_INVALID',
      `the query parameter "${pageParameter}" is not a link of this list; start again with the first page`,
    );
  return query;
}

/**
 * Returns the query of the next page without the filter `artifactType`, because `answerReferrers` adds the filter to the link.
 * `undefined` means the first page.
 */
function pageQuery(query: string): string | undefined {
  const parameters = new URLSearchParams(query);
  parameters.delete('artifactType');
  parameters.sort();
  return parameters.size === 0 ? undefined : parameters.toString();
}

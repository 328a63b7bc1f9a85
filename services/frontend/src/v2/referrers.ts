// GET /v2/<name>/referrers/<digest>: upstream's own list (OCI distribution specification, "Listing Referrers"). Its 404
// goes through, for clients then look for the tag `sha256-<hex>`.
import { type Digest, mediaTypes } from '@cistern/oci';
import type { AuthorizedRepository } from '@cistern/pull-through';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { freshnessWish } from './cache-control.ts';
import { clientSignal } from './client-signal.ts';
import { tellFreshness } from './headers.ts';
import { nextLink } from './pagination.ts';
import { queryValue } from './query-value.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

interface ReferrersPath {
  readonly digest: Digest;
}

export async function answerReferrers(
  dependencies: V2Dependencies,
  target: AuthorizedRepository,
  { digest }: ReferrersPath,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  request.record.facts.reference = digest;
  const artifactType = queryValue(request, 'artifactType');
  const thisQuery = pageQuery(request.url.split('?', 2)[1] ?? '');
  const page = await dependencies.pullThrough.listReferrers({
    target,
    ...freshnessWish(dependencies, request),
    digest,
    ...(artifactType !== undefined && { artifactType }),
    ...(thisQuery !== undefined && { nextQuery: thisQuery }),
    signal: clientSignal(reply),
  });
  tellFreshness(reply, page);
  const next = page.nextQuery === undefined ? undefined : pageQuery(page.nextQuery);
  // An upstream that names this very page as its next would have clients run in a circle.
  if (next !== undefined && next !== thisQuery) {
    const query = new URLSearchParams(next);
    if (artifactType !== undefined) query.set('artifactType', artifactType);
    reply.header('link', nextLink(request, query));
  }
  if (page.filtersApplied !== undefined) reply.header('oci-filters-applied', page.filtersApplied);
  const body = Buffer.from(page.bytesBase64, 'base64');
  return reply.headers({ 'content-type': mediaTypes.ociIndex, 'content-length': String(body.length) }).send(body);
}

/** What of a query says which page it is: all but our own parameters. `undefined`: the first. */
function pageQuery(query: string): string | undefined {
  const parameters = new URLSearchParams(query);
  parameters.delete('ns');
  parameters.delete('artifactType');
  parameters.sort();
  return parameters.size === 0 ? undefined : parameters.toString();
}

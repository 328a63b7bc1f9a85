// Lists: tags of a repository, and manifests that refer to one (OCI distribution specification, "Listing Tags" and
// "Listing Referrers").
import { mediaTypes } from '@cistern/oci';
import { type CallContext, contradiction, endpoint, fetchDocument } from './call.ts';
import { parseNextLink } from './link-header.ts';
import { headerValue, type TransportResponse } from '../transport/transport.ts';
import type { Upstream, UpstreamTagsPage } from '../upstream.ts';

export function createListCalls(context: CallContext): Pick<Upstream, 'listTags' | 'listReferrers'> {
  return {
    async listTags(repository, { n, last }, options) {
      const subject = `the tags of ${repository}`;
      const response = await fetchDocument(context, {
        operation: 'list-tags',
        method: 'GET',
        url: endpoint(context, repository, 'tags/list', { n, last }),
        repository,
        accept: 'application/json',
        options,
        subject,
        unknown: 'name-unknown',
      });
      const tags = readTags(parseJson(response));
      if (tags === undefined) throw contradiction(context, `answered with no list of tags when asked for ${subject}`);
      const next = nextPage(response, tags);
      return { tags, ...(next !== undefined && { next }) };
    },

    async listReferrers(repository, digest, { artifactType, nextQuery: thisQuery }, options) {
      const subject = `the referrers of ${digest} in ${repository}`;
      const response = await fetchDocument(context, {
        operation: 'list-referrers',
        method: 'GET',
        url: endpoint(context, repository, `referrers/${digest}`, {
          ...Object.fromEntries(new URLSearchParams(thisQuery)),
          artifactType,
        }),
        repository,
        accept: mediaTypes.ociIndex,
        options,
        subject,
        unknown: 'manifest-unknown',
      });
      if (!isIndex(parseJson(response)))
        throw contradiction(context, `answered with no image index when asked for ${subject}`);
      const filtersApplied = headerValue(response.headers, 'oci-filters-applied');
      const nextQuery = nextLink(response)?.search.slice(1) ?? '';
      return {
        bytes: response.bytes ?? Buffer.alloc(0),
        ...(filtersApplied !== undefined && { filtersApplied }),
        ...(nextQuery !== '' && { nextQuery }),
      };
    },
  };
}

function parseJson({ bytes }: TransportResponse): unknown {
  try {
    return JSON.parse(bytes?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}

/** Some registries send `null` for an empty list. */
function readTags(document: unknown): string[] | undefined {
  if (typeof document !== 'object' || document === null || !('tags' in document)) return undefined;
  const { tags } = document;
  if (tags === null) return [];
  return Array.isArray(tags) && tags.every((tag) => typeof tag === 'string') ? tags : undefined;
}

function isIndex(document: unknown): boolean {
  return (
    typeof document === 'object' &&
    document !== null &&
    'schemaVersion' in document &&
    document.schemaVersion === 2 &&
    'manifests' in document &&
    Array.isArray(document.manifests)
  );
}

function nextLink({ headers, url }: TransportResponse): URL | undefined {
  return parseNextLink(headerValue(headers, 'link'), url);
}

function nextPage(response: TransportResponse, tags: readonly string[]): UpstreamTagsPage['next'] {
  const query = nextLink(response)?.searchParams;
  if (query === undefined) return undefined;
  // Registries with page tokens of their own take the last tag as well.
  const last = query.get('last') ?? tags.at(-1);
  if (last === undefined) return undefined;
  const n = Number(query.get('n') ?? Number.NaN);
  return { last, ...(Number.isSafeInteger(n) && n > 0 && { n }) };
}

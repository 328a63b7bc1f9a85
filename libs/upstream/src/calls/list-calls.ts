// Fetches lists: the tags of a repository, and the manifests that refer to a manifest (OCI distribution specification,
// "Listing Tags" and "Listing Referrers"). Registries divide long lists into pages, which the `Link` header connects
// (RFC 8288).
import { mediaTypes } from '@cistern/oci';
import { headerValue, parseWarning, type TransportResponse } from '../transport/transport.ts';
import type { Upstream, UpstreamTagsPage } from '../upstream.ts';
import { type CallContext, contradiction, endpoint, fetchDocument } from './call.ts';
import { createMissingReferrers, missingStatuses } from './missing-referrers.ts';

/**
 * The limit of a list of tags. It is enough for 400,000 tags of 80 characters. It is enough for 100,000 tags at
 * registries that add 300 bytes about each manifest.
 */
const maxTagsBodyBytes = 32 * 1024 * 1024;

export function createListCalls(context: CallContext): Pick<Upstream, 'listTags' | 'listReferrers'> {
  const missing = createMissingReferrers(context.upstream, context.clock);
  return {
    async listTags(repository, { n, last }, options) {
      const subject = `the tags of ${repository}`;
      const response = await fetchDocument(context, {
        operation: 'list-tags',
        url: endpoint(context, repository, 'tags/list', { n, last }),
        repository,
        accept: 'application/json',
        options,
        subject,
        unknown: 'name-unknown',
        maxBodyBytes: maxTagsBodyBytes,
      });
      const tags = readTags(parseJson(response));
      if (tags === undefined)
        throw contradiction(context, `answered the request for ${subject} with something that is not a list of tags`);
      const next = nextPage(response, tags);
      return { tags, ...(next !== undefined && { next }), ...warningOf(response) };
    },

    async listReferrers(repository, digest, { artifactType, nextQuery: thisQuery }, options) {
      const subject = `the referrers of ${digest} in ${repository}`;
      const url = endpoint(context, repository, `referrers/${digest}`, {
        ...Object.fromEntries(new URLSearchParams(thisQuery)),
        artifactType,
      });
      missing.throwIfMissing(repository, url);
      const response = await fetchDocument(context, {
        operation: 'list-referrers',
        url,
        repository,
        accept: mediaTypes.ociIndex,
        options,
        subject,
        unknown: 'manifest-unknown',
        answers: missingStatuses,
      });
      missing.check(repository, url, response);
      if (!isIndex(parseJson(response)))
        throw contradiction(context, `answered the request for ${subject} with something that is not an image index`);
      const filtersApplied = headerValue(response.headers, 'oci-filters-applied');
      const nextQuery = nextLink(response)?.search.slice(1) ?? '';
      return {
        bytes: response.bytes ?? Buffer.alloc(0),
        ...(filtersApplied !== undefined && { filtersApplied }),
        ...(nextQuery !== '' && { nextQuery }),
        ...warningOf(response),
      };
    },
  };
}

function warningOf({ headers }: TransportResponse): { readonly warning?: string } {
  const warning = parseWarning(headers);
  return warning === undefined ? {} : { warning };
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
  // Registries with their own page tokens accept the last tag as well.
  const last = query.get('last') ?? tags.at(-1);
  if (last === undefined) return undefined;
  const n = Number(query.get('n') ?? Number.NaN);
  return { last, ...(Number.isSafeInteger(n) && n > 0 && { n }) };
}

const link = /<([^>]*)>([^<]*)/g;
const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i;

/**
 * Returns the absolute URL of the first link with the relation `next`. Only the query of that URL is used, so no
 * request is sent to its host.
 */
export function parseNextLink(header: string | undefined, base: URL): URL | undefined {
  for (const [, target, parameters] of (header ?? '').matchAll(link)) {
    const [, quoted, plain] = relation.exec(parameters ?? '') ?? [];
    const relations = (quoted ?? plain ?? '').toLowerCase().split(/\s+/);
    if (target !== undefined && relations.includes('next') && URL.canParse(target, base)) return new URL(target, base);
  }
  return undefined;
}

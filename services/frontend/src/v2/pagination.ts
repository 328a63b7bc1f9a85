// The pages of lists, as in the OCI distribution specification, "Listing Tags": `n`, `last`, and the `Link` to the next page.
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyRequest } from 'fastify';
import { queryValue } from '../http/request-fields.ts';

export interface Page {
  /** The most entries of the page; `undefined` if the client does not limit them. */
  readonly n: number | undefined;
  readonly last: string | undefined;
}

// Every tag, and every repository name with its upstream, is shorter than this.
const maxLastLength = 512;

/** Throws `OciSyntaxError` PAGINATION_NUMBER_INVALID. */
export function requestedPage(request: FastifyRequest): Page {
  const text = queryValue(request, 'n');
  if (text !== undefined && !/^\d{1,9}$/.test(text))
    throw new OciSyntaxError('PAGINATION_NUMBER_INVALID', 'the query parameter "n" must be a whole number, 0 or more');
  const last = queryValue(request, 'last');
  if (last !== undefined && last.length > maxLastLength)
    throw new OciSyntaxError('PAGINATION_NUMBER_INVALID', 'the query parameter "last" is longer than any name');
  return { n: text === undefined ? undefined : Number(text), last };
}

/** Returns the `Link` to the next page, with the path and `ns` of this request. */
export function nextLink(request: FastifyRequest, query: URLSearchParams): string {
  const ns = queryValue(request, 'ns');
  if (ns !== undefined) query.set('ns', ns);
  const [path = ''] = request.url.split('?', 1);
  return `<${path}?${query.toString()}>; rel="next"`;
}

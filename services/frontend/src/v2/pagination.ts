// Paging through lists, as in the OCI distribution specification, "Listing Tags": `n`, `last` and the `Link` to the rest.
import { OciSyntaxError } from '@cistern/oci';
import type { FastifyRequest } from 'fastify';
import { queryValue } from '../http/request-fields.ts';

export interface Page {
  /** How many the client wants at most; `undefined`: it does not say. */
  readonly n: number | undefined;
  readonly last: string | undefined;
}

// Longer than any tag or repository with its upstream.
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

/** The value of `Link` for the next page, at the very path and `ns` that the client used for this one. */
export function nextLink(request: FastifyRequest, query: URLSearchParams): string {
  const ns = queryValue(request, 'ns');
  if (ns !== undefined) query.set('ns', ns);
  const [path = ''] = request.url.split('?', 1);
  return `<${path}?${query.toString()}>; rel="next"`;
}

// Remembers repositories without a referrers API. Some registries answer requests for it with other statuses than 404,
// or with a web page. Clients must then receive 404, so that they look for the tag `sha256-<hex>` (OCI distribution
// specification, "Unavailable Referrers API").
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import { headerValue, nameUpstream, type TransportResponse, type UpstreamIdentity } from '../transport/transport.ts';

/**
 * Bad request, method not allowed, not acceptable and not implemented: registries without the API answer with these
 * statuses.
 */
export const missingStatuses: ReadonlySet<number> = new Set([400, 405, 406, 501]);
const rememberedForMs = 600_000;
/** Limits the remembered answers, because clients choose the repositories. */
const maxRemembered = 1_024;

export interface MissingReferrers {
  /** Throws `manifest-unknown` if the API was missing within the last ten minutes. */
  throwIfMissing(repository: RepositoryName, url: URL): void;
  /** Throws `manifest-unknown` if the answer shows that the API is missing, and remembers that. */
  check(repository: RepositoryName, url: URL, response: TransportResponse): void;
}

/** `clock` returns milliseconds since the epoch. */
export function createMissingReferrers(upstream: UpstreamIdentity, clock: () => number): MissingReferrers {
  const missing = createRecent<string, true>({ max: maxRemembered, ttlMs: rememberedForMs, now: clock });
  const fail = (repository: RepositoryName): never => {
    throw new CacheError('manifest-unknown', `${nameUpstream(upstream)} has no list of referrers for ${repository}.`, {
      detail: { upstream: upstream.name },
    });
  };
  return {
    throwIfMissing(repository, { href }) {
      if (missing.has(repository) || missing.has(href)) fail(repository);
    },
    check(repository, { href, search }, response) {
      if (!missingStatuses.has(response.status) && !isPage(response)) return;
      // Clients choose the query. A 400, or a firewall's response to a filter, may concern only that query. So the URL
      // is remembered instead of the repository.
      missing.set(response.status === 400 || search !== '' ? href : repository, true);
      fail(repository);
    },
  };
}

/**
 * Reports whether the response is an HTML or text page, from the registry or from a website to which the registry
 * redirects browsers.
 */
function isPage({ headers, bytes }: TransportResponse): boolean {
  const type = headerValue(headers, 'content-type') ?? '';
  return /^text\//i.test(type) || /^\s*</.test(bytes?.subarray(0, 64).toString('latin1') ?? '');
}

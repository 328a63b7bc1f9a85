// Which repositories have no referrers API, as their registry's odd answers show. The API has to answer 404 then, so that
// clients look for the tag `sha256-<hex>` (OCI distribution specification, "Unavailable Referrers API").
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import { headerValue, nameUpstream, type TransportResponse, type UpstreamIdentity } from '../transport/transport.ts';

/** Bad request, method not allowed, not acceptable, not implemented. */
export const missingStatuses: ReadonlySet<number> = new Set([400, 405, 406, 501]);
const rememberedForMs = 600_000;
/** Clients choose repositories. */
const maxRemembered = 1_024;

export interface MissingReferrers {
  /** Throws `manifest-unknown` where the API was missing a moment ago. */
  throwIfMissing(repository: RepositoryName, url: URL): void;
  /** Throws `manifest-unknown` if the answer shows that there is no such API, and remembers it. */
  check(repository: RepositoryName, url: URL, response: TransportResponse): void;
}

/** `clock`: milliseconds since the epoch. */
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
      // Clients choose what is asked for. A 400, or a firewall's answer to a filter, may be about that alone.
      missing.set(response.status === 400 || search !== '' ? href : repository, true);
      fail(repository);
    },
  };
}

/** A page for people: of the registry, or of the place that it sends browsers to. */
function isPage({ headers, bytes }: TransportResponse): boolean {
  const type = headerValue(headers, 'content-type') ?? '';
  return /^text\//i.test(type) || /^\s*</.test(bytes?.subarray(0, 64).toString('latin1') ?? '');
}

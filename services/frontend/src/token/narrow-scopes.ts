import { type Asker, type Authorize, parseScopes } from '@cistern/auth';
import type { UpstreamTable } from '@cistern/upstream';
import { resolveIfKnown } from './resolve-if-known.ts';

/**
 * The repositories among the scopes that the client may pull. With `host` they are named in full, as that host reads the names: the
 * token is for these at every host. Without `host` (tokens are given out at another address than images) the names stay as they
 * are, and the host of each pull decides their upstream.
 */
export function narrowScopes(
  authorize: Authorize,
  asker: Asker,
  upstreams: UpstreamTable,
  host: string | undefined,
  scopes: readonly string[],
): readonly string[] {
  return parseScopes(scopes).flatMap((name) => {
    if (host === undefined) return [name];
    const place = resolveIfKnown(upstreams, { host, name });
    return place !== undefined && authorize(asker, place).isAllowed ? [`${place.upstream}/${place.repository}`] : [];
  });
}

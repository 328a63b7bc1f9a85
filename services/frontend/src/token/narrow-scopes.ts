import { type Asker, type Authorize, parseScopes, type Wish } from '@cistern/auth';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { UpstreamTable } from '@cistern/upstream';

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
    const wish = resolve(upstreams, { host, name });
    return wish !== undefined && authorize(asker, wish).isAllowed ? [`${wish.upstream}/${wish.repository}`] : [];
  });
}

function resolve(upstreams: UpstreamTable, name: Parameters<UpstreamTable['resolve']>[0]): Wish | undefined {
  try {
    return upstreams.resolve(name);
  } catch (error) {
    if (error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid')) return undefined;
    throw error;
  }
}

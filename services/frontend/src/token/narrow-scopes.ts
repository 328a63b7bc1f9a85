import { type Asker, type Authorize, parseScopes, type Wish } from '@cistern/auth';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { UpstreamTable } from '@cistern/upstream';

/**
 * Of what a client asks for the repositories that it may pull. With `host` they are named in full, as the host that was asked reads
 * the names: the token is for these, whatever host it is shown to. Without it, as tokens are given out elsewhere than images are,
 * they stay as the client names them, and the host of each pull says what they mean.
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

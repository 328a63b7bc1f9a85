import { type Asker, type Authorize, parseScopes, type Wish } from '@cistern/auth';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { UpstreamTable } from '@cistern/upstream';

/**
 * Of what a client asks for the repositories that it might pull, under the names that it uses. Which upstream a name is of
 * may only be known from the pull itself (`?ns=`), so a name passes if it may be pulled of one of them; each pull is decided
 * by itself.
 */
export function narrowScopes(
  authorize: Authorize,
  asker: Asker,
  upstreams: UpstreamTable,
  host: string,
  scopes: readonly string[],
): readonly string[] {
  const readings = [{ host }, ...upstreams.names.map((ns) => ({ ns }))];
  return parseScopes(scopes).filter((name) =>
    readings.some((reading) => {
      const wish = resolve(upstreams, { ...reading, name });
      return wish !== undefined && authorize(asker, wish).isAllowed;
    }),
  );
}

function resolve(upstreams: UpstreamTable, name: Parameters<UpstreamTable['resolve']>[0]): Wish | undefined {
  try {
    return upstreams.resolve(name);
  } catch (error) {
    if (error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid')) return undefined;
    throw error;
  }
}

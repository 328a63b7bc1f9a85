// Scopes of distribution's token specification, "Token Scope Documentation": `repository:<name>:<actions>`.
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { ResolvedName, UpstreamTable } from '@cistern/upstream';

/** The scope of the catalog in registry:2. */
export const catalogScope = 'registry:catalog:*';

/** `name` is the client's own name of the repository. */
export function pullScope(name: string): string {
  return `repository:${name}:pull`;
}

/** The most repositories of a token. A client requests one repository, or two for a mount. */
const maxNames = 20;

/**
 * Returns the repositories of pull scopes, by the client's own names. Other scopes are ignored, as the specification requires, so a
 * client that pushes gets a token without push access.
 */
export function parseScopes(scopes: readonly string[]): readonly string[] {
  const names = scopes
    .flatMap((scope) => scope.split(' '))
    .flatMap((scope) => {
      // The name may have a host with a port.
      const [, name, actions] = /^repository(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope) ?? [];
      return name !== undefined && actions?.split(',').some((action) => action === 'pull' || action === '*')
        ? [name]
        : [];
    });
  return [...new Set(names)].slice(0, maxNames);
}

/** Like `UpstreamTable.resolve`, but returns `undefined` for an invalid name, or one of an unknown upstream. */
export function resolveIfKnown(
  upstreams: UpstreamTable,
  name: Parameters<UpstreamTable['resolve']>[0],
): ResolvedName | undefined {
  try {
    return upstreams.resolve(name);
  } catch (error) {
    if (error instanceof OciSyntaxError || isCacheError(error, 'name-unknown', 'name-invalid')) return undefined;
    throw error;
  }
}

// Scopes of distribution's token specification, "Token Scope Documentation": `repository:<name>:<actions>`.
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { ResolvedName, UpstreamTable } from '@cistern/upstream';

/** The scope of the catalog in registry:2. */
export const catalogScope = 'registry:catalog:*';

/** `name` is the repository name that the client uses. */
export function pullScope(name: string): string {
  return `repository:${name}:pull`;
}

/** The most repositories of a token. A client requests one repository, or two for a mount. */
const maxNames = 20;

/**
 * Returns the repository names of the scopes that include `pull`, as the client sent them. Other scopes and actions are ignored,
 * as the specification requires. So a client that requests push access gets a token without it.
 */
export function parseScopes(scopes: readonly string[]): readonly string[] {
  const names = scopes
    .flatMap((scope) => scope.split(' '))
    .flatMap((scope) => {
      // The name can begin with a host and a port, so it can contain a colon.
      const [, name, actions] = /^repository(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope) ?? [];
      return name !== undefined && actions?.split(',').some((action) => action === 'pull' || action === '*')
        ? [name]
        : [];
    });
  return [...new Set(names)].slice(0, maxNames);
}

/** Like `UpstreamTable.resolve`, but returns `undefined` for an invalid name, or for the name of an unknown upstream. */
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

// Scopes of distribution's token specification, "Token Scope Documentation": `repository:<name>:<actions>`.
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import type { ResolvedName, UpstreamTable } from '@cistern/upstream';

/** As registry:2 has it. */
export const catalogScope = 'registry:catalog:*';

/** `name`: of the repository, as the client names it. */
export function pullScope(name: string): string {
  return `repository:${name}:pull`;
}

/** A client asks for one repository, who mounts for two. */
const maxNames = 20;

/**
 * The repositories that somebody wants to pull from, named as the client names them. Whatever else is asked for is passed
 * over, as the specification wants it: who pushes gets a token that does not push.
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

/** As `UpstreamTable.resolve`; `undefined` for a name that no upstream has, or that is none. */
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

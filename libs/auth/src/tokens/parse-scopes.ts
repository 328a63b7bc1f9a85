// Scopes of distribution's token specification, "Token Scope Documentation": `repository:<name>:<actions>`.

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

/** A client asks for one repository, who mounts for two. */
const maxNames = 20;

// Names of upstreams for clients such as kaniko, which take the first component of a path for another registry if it has a dot.
import { dockerHub } from './built-in-upstreams.ts';
import type { UpstreamConfig } from './upstreams.ts';

/**
 * Gives each upstream its name with "-" for "." and ":", such as `ghcr-io`, unless another one is called so. Docker Hub's
 * namespaces have no "-"; those of another default upstream may, and such an alias would hide them: there it gives none.
 */
export function addDotlessAliases(table: readonly UpstreamConfig[]): readonly UpstreamConfig[] {
  const fallback = table.find(({ isDefault }) => isDefault);
  if (fallback !== undefined && fallback.name !== dockerHub) return table;
  const taken = new Set(table.flatMap(({ name, aliases }) => [name, ...aliases]));
  const dotless = table.map(({ name }) => name.replaceAll(/[.:]/g, '-'));
  const isFree = (alias: string) => !taken.has(alias) && dotless.indexOf(alias) === dotless.lastIndexOf(alias);
  return table.map((upstream, at) => {
    const added = dotless.slice(at, at + 1).filter(isFree);
    return { ...upstream, aliases: [...upstream.aliases, ...added] };
  });
}

// Finds the problems of a cluster that only a comparison of its nodes shows.
import type { Finding } from '@cistern/runtime/process';
import type { CacheNode } from '../api/nodes.ts';
import type { Found } from './find-local-problems.ts';

export function compareNodes(found: Found, nodes: readonly CacheNode[]): Finding[] {
  const byVersion = Map.groupBy(nodes, ({ version }) => version);
  const counts = [...byVersion].toSorted(([one], [other]) => (one < other ? -1 : 1));
  const shown = counts.map(([version, same]) => `${version} (${namesOf(same)})`).join(', ');
  const versions = byVersion.size < 2 ? [] : [found('versions-mixed', `Nodes run different versions: ${shown}.`)];
  const differing = nodes
    .filter(({ configuration }) => configuration?.differs === true)
    .map(({ name }) =>
      found('configuration-differs', `The configuration of ${name} differs from most other nodes.`, {
        subject: name,
        node: name,
      }),
    );
  return [...versions, ...differing];
}

const mostNames = 3;

function namesOf(nodes: readonly CacheNode[]): string {
  if (nodes.length > mostNames) return `${nodes.length} nodes`;
  return nodes.map(({ name }) => name).join(', ');
}

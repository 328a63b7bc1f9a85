// Finds the problems of a cluster that only a comparison of its nodes shows.
import type { Finding } from '@cistern/runtime/process';
import type { CacheNode } from '../api/nodes.ts';
import type { Found } from './find-local-problems.ts';

/** `nodes` are the running nodes and those that have ended within the last hour. */
export function compareNodes(found: Found, nodes: readonly CacheNode[]): Finding[] {
  const running = nodes.filter(({ state }) => state === 'running');
  const byVersion = Map.groupBy(running, ({ version }) => version);
  const counts = [...byVersion].toSorted(([one], [other]) => (one < other ? -1 : 1));
  const shown = counts.map(([version, same]) => `${version} (${namesOf(same)})`).join(', ');
  const versions = byVersion.size < 2 ? [] : [found('versions-mixed', `Nodes run different versions: ${shown}.`)];
  const differing = running
    .filter(({ configuration }) => configuration?.differs === true)
    .map(({ name }) =>
      found('configuration-differs', `The settings of ${name} are not those of most nodes.`, of(name)),
    );
  const lost = lostNodes(nodes).map(({ name, role, seenAt }) =>
    found('node-lost', `The ${role} ${name} ended without notice, or cannot reach the index.`, {
      ...of(name),
      sinceMs: seenAt,
    }),
  );
  const serves = running.some(({ role }) => role === 'frontend' || role === 'standalone');
  const wantsFrontend = !serves && nodes.some(({ role }) => role === 'frontend' || role === 'worker');
  const missing = wantsFrontend ? [found('no-frontend', 'No frontend is running.')] : [];
  return [...missing, ...lost, ...versions, ...differing];
}

/**
 * Returns the nodes that were lost and not replaced. A node of the same role that started later replaces one: a supervisor has
 * restarted the process, or started it on another machine. It may have ended since.
 */
function lostNodes(nodes: readonly CacheNode[]): CacheNode[] {
  const byRole = Map.groupBy(nodes, ({ role }) => role);
  return [...byRole.values()].flatMap((same) => {
    const lost = same.filter(({ state }) => state === 'lost').toSorted((one, other) => one.seenAt - other.seenAt);
    const started = same.toSorted((one, other) => one.startedAt - other.startedAt);
    return lost.filter(({ seenAt }) => {
      const successor = started.findIndex(({ startedAt }) => startedAt > seenAt);
      if (successor === -1) return true;
      started.splice(successor, 1);
      return false;
    });
  });
}

function of(node: string) {
  return { subject: node, node };
}

const mostNames = 3;

function namesOf(nodes: readonly CacheNode[]): string {
  if (nodes.length > mostNames) return `${nodes.length} nodes`;
  return nodes.map(({ name }) => name).join(', ');
}

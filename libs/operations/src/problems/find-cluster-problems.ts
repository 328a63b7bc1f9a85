// Finds the problems of a cluster: those that its nodes report, and those that only a comparison of nodes shows.
import type { Finding } from '@cistern/runtime/process';
import type { CacheNode } from '../api/nodes.ts';
import type { NodeReport } from '../nodes/node-report.ts';
import type { Found } from './find-local-problems.ts';

/** A problem in the report of a node. */
export type ReportedProblem = Finding & { readonly sinceMs: number };

/**
 * Returns the problems of all reports. Nodes that report the same problem have one problem together, which is as old as the oldest
 * report. `node` is set if only one of several nodes of its role reports it.
 */
export function mergeReported(reports: readonly Pick<NodeReport, 'name' | 'role' | 'problems'>[]): Finding[] {
  const reported = reports.flatMap(({ name, role, problems = [] }) =>
    problems.map((problem) => ({ ...problem, name, role })),
  );
  const groups = Map.groupBy(reported, ({ kind, subject }) => JSON.stringify([kind, subject]));
  return [...groups.values()].map((group) => {
    const [{ name, role, ...first }] = group.toSorted((one, other) => one.sinceMs - other.sinceMs) as [
      (typeof group)[number],
    ];
    const reporters = new Set(group.map((one) => one.name));
    const peers = reports.filter((report) => report.role === role).length;
    // One worker without space does not stop fetches, because others take its jobs.
    const isShared = first.kind === 'spool-full' && reporters.size < peers;
    return {
      ...first,
      severity: isShared ? 'warning' : first.severity,
      isUnready: false,
      node: reporters.size === 1 && peers > 1 ? name : undefined,
    };
  });
}

/** Compares the nodes. */
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

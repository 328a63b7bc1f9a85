// Merges the problems that nodes report.
import type { Problem } from '@cistern/runtime/process';
import type { NodeReport } from './node-report.ts';

export type ProblemReport = Pick<NodeReport, 'name' | 'role' | 'problems'>;

/**
 * Returns the problems of a node that operators ask, and of the `reports` of all nodes. Nodes that have the same problem have one
 * problem together, which is as old as the oldest. `node` is set if only one of several nodes has it, but not for a server that the
 * asked node itself cannot use. The problem makes the asked
 * node unready only if this node has it.
 */
export function mergeProblems(own: ProblemReport, reports: readonly ProblemReport[]): Problem[] {
  const others = reports.filter(({ name, role }) => name !== own.name || role !== own.role);
  const nodes = [own, ...others];
  const reported = nodes.flatMap((node) => (node.problems ?? []).map((problem) => ({ node, problem })));
  const groups = Map.groupBy(reported, ({ problem: { kind, subject } }) => JSON.stringify([kind, subject]));
  return [...groups.values()].map((group) => {
    const [{ node, problem }] = group.toSorted((one, other) => one.problem.sinceMs - other.problem.sinceMs) as [
      (typeof group)[number],
    ];
    const isOwn = group.some((one) => one.node === own);
    const isShared = group.length > 1 || ofWholeCache.has(problem.part) || (isOwn && ofServers.has(problem.part));
    const isCritical = group.some((one) => one.problem.severity === 'critical');
    const peers = nodes.filter(({ role }) => role === node.role).length;
    // One worker without space does not stop fetches, because others take its jobs.
    const isHelped = problem.kind === 'spool-full' && group.length < peers;
    return {
      ...problem,
      severity: isCritical && !isHelped ? 'critical' : 'warning',
      isUnready: group.some((one) => one.node === own && one.problem.isUnready === true),
      node: nodes.length > 1 && !isShared ? node.name : undefined,
    };
  });
}

/** Each node sees such a problem, some of them later. */
const ofWholeCache: ReadonlySet<string> = new Set(['workers']);
/** The asked node needs these servers for the actions of operators, whether or not another node reaches them. */
const ofServers: ReadonlySet<string> = new Set(['index', 'store']);

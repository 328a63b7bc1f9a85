// Merges the problems that nodes report.
import type { Finding } from '@cistern/runtime/process';
import type { NodeReport } from './node-report.ts';

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

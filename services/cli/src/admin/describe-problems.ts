// Describes the problems of the cache for people: the cause, the time, what still works, and what to do.
import type { Overview } from '@cistern/admin';
import { formatDuration, formatTime } from '../terminal/format.ts';

type Problem = Overview['problems'][number];

/** Returns a few lines for each problem, and an empty string if there are none. */
export function describeProblems(problems: readonly Problem[], nowMs: number): string {
  return problems.map((problem) => `${describe(problem, nowMs)}\n`).join('\n');
}

/** Returns the parts that have problems, or all parts if there are none: `critical: workers; warning: clock`. */
export function describeHealth({ problems, parts }: Pick<Overview, 'problems' | 'parts'>): string {
  if (problems.length === 0) return `ok: ${Object.keys(parts).join(', ')}`;
  const bySeverity = Map.groupBy(problems, ({ severity }) => severity);
  return [...bySeverity]
    .map(([severity, found]) => `${severity}: ${[...new Set(found.map(({ part }) => part))].join(', ')}`)
    .join('; ');
}

function describe({ severity, part, subject, node, reason, works, mend, since }: Problem, nowMs: number): string {
  const where = [part, ...(subject === null ? [] : [subject]), ...(node === null ? [] : [`on ${node}`])].join(' ');
  const lines = [
    `${severity.toUpperCase()} ${where}: ${reason}`,
    `  since  ${formatTime(since)} UTC (${formatDuration(nowMs - since)})`,
    `  works  ${works}`,
    `  to do  ${mend}`,
  ];
  return lines.join('\n');
}

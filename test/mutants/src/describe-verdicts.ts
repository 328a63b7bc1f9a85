// Formats verdicts as readable lines.
import type { Verdict } from './verdict.ts';

export interface Judged {
  readonly name: string;
  readonly verdict: Verdict;
}

export function describeVerdicts(judged: readonly Judged[]): string {
  const width = Math.max(...judged.map(({ name }) => name.length));
  return judged
    .map(({ name, verdict }) => `${name.padEnd(width)}  ${verdict.kind.padEnd(8)}  ${detailOf(verdict)}\n`)
    .join('');
}

function detailOf(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'killed':
      return `${verdict.file}: "${verdict.test}" ${verdict.message}`;
    case 'survived':
      return [`${verdict.files} test files`, ...verdict.notes].join('; ');
    case 'invalid':
    case 'does-not-apply':
      return verdict.message;
    default:
      return verdict satisfies never;
  }
}

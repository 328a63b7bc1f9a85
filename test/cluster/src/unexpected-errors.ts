// The errors that nodes have logged, without requests that were refused with 503. Tests check those themselves.
import type { ClusterNode } from '@cistern/test-servers';
import { loggedAt } from './logged-at.ts';

interface LogLine {
  readonly msg?: string;
  readonly status?: number;
  readonly err?: { readonly message?: string };
}

/** Each line is shortened, and equal lines appear once. */
export function unexpectedErrors(nodes: readonly Pick<ClusterNode, 'name' | 'log'>[]): string[] {
  const lines = [...loggedAt('error', nodes), ...loggedAt('fatal', nodes)].flatMap((line) => {
    const at = line.indexOf(': ') + 2;
    const { msg, status, err } = read(line.slice(at));
    return status === 503 ? [] : [`${line.slice(0, at)}${status ?? ''} ${msg}: ${err?.message}`];
  });
  return [...new Set(lines)].slice(0, 20);
}

function read(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line.slice(0, 300) };
  }
}

// What nodes have logged for a person to look at, besides requests that were refused with 503: those a test asks for itself.
import type { ClusterNode } from '@cistern/test-servers';
import { loggedAt } from './logged-at.ts';

interface LogLine {
  readonly msg?: string;
  readonly status?: number;
  readonly err?: { readonly message?: string };
}

/** Short, and each kind of line once. */
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

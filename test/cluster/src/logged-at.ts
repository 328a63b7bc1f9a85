// The lines that nodes have logged at a level. Lines at `error` need an operator, so most tests allow none.
import type { ClusterNode } from '@cistern/test-servers';

/**
 * Returns the lines of a level, prefixed with the name of their node. Output that is not a log line, such as a crash,
 * counts as `error`.
 */
export function loggedAt(
  level: 'warn' | 'error' | 'fatal',
  nodes: readonly Pick<ClusterNode, 'name' | 'log'>[],
): string[] {
  return nodes.flatMap(({ name, log }) =>
    log()
      .filter((line) => line !== '' && levelOf(line) === level)
      .map((line) => `${name}: ${line}`),
  );
}

function levelOf(line: string): string {
  try {
    return String((JSON.parse(line) as { readonly level?: unknown }).level);
  } catch {
    return 'error';
  }
}
